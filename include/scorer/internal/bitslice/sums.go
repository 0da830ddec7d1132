package bitslice

// Sum adds the values of each row's leaves in the order of the trees, starting with 0. A leaf has width values, from width
// times its number on, and a row has width sums.
func (p *Program) Sum(b *Block, values []float64, width, rows int, sums []float64) {
	clear(sums[:rows*width])
	if rows == 0 { // the loops of sumPairs and sumValues check for the end after the first row
		return
	}
	for i := range p.groups {
		g := &p.groups[i]
		g.evaluate(b)
		switch {
		case g.trees == GroupTrees && width == 2:
			sumPairs(&b.codes, &g.starts, &values[0], &sums[0], rows)
		case g.trees == GroupTrees && width == 1:
			sumValues(&b.codes, &g.starts, &values[0], &sums[0], rows)
		default:
			g.sum(b, values, width, rows, sums)
		}
	}
}

// sum is Sum for one group, for any width and number of trees.
func (g *group) sum(b *Block, values []float64, width, rows int, sums []float64) {
	for k, table := range g.tables[:g.trees] {
		for n, code := range b.codes[k][:rows] {
			leaf := values[int(table[code])*width:][:width]
			for i, total := range sums[n*width:][:width] {
				sums[n*width+i] = total + leaf[i]
			}
		}
	}
}

// Leaves calls use for one tree after the other with the value of each row's leaf, for leaves with one value.
func (p *Program) Leaves(b *Block, values []float64, rows int, use func(tree int, values []float64)) {
	var leaves [Rows]float64
	tree := 0
	for i := range p.groups {
		g := &p.groups[i]
		g.evaluate(b)
		for k, table := range g.tables[:g.trees] {
			for n, code := range b.codes[k][:rows] {
				leaves[n] = values[table[code]]
			}
			use(tree+k, leaves[:rows])
		}
		tree += g.trees
	}
}
