// Package bitslice evaluates the trees of a forest for up to 512 rows at once, with one bit per row.
//
// A vector of 512 bits contains the outcomes of one split condition for all rows. A Program computes from these, without
// branches, the bits of a code that identifies the leaf of each row. The highest bit of a subtree's code is the outcome of
// its root. The lower bits are those of the child that the root selects, so that a bit that both children use costs one
// selection, and a bit that only one child uses costs nothing: the code of the other child's leaves does not depend on it.
// A table for each tree maps codes to leaves.
//
// Why, and what else was measured, is in docs/decisions/0013-blocks-of-rows.md.
package bitslice

import "math"

// Rows is the number of rows of a block.
const Rows = 512

// Limits of a program. They bound its memory, 4 MB of tables and 4 MB of selections, for any forest. Forests beyond them
// have so many conditions or so deep trees that evaluating row by row is faster, or nearly so.
const (
	maxSlots      = 1 << 13 // so that 8 times the number of a slot has 16 bits
	maxLeaf       = math.MaxUint16
	maxTable      = 2 << 20
	maxSelections = 512 << 10
)

// MaxHeight is the height above which trees are not evaluated in blocks: a table of the leaves has an entry for each code.
const MaxHeight = 14

// GroupTrees is the number of trees that are evaluated together.
const GroupTrees = 4

// Node is a node of a tree. The root is node 0; a leaf has Left 0.
type Node struct {
	Number      int // of the split's condition, or of the leaf
	Left, Right int // nodes of the children, which follow it; a row goes right if its condition is 1
}

// Program computes the leaves of all trees of a forest. It is immutable and safe for concurrent use.
type Program struct {
	groups     []group
	trees      int
	selections int // number of all groups
	table      int // entries of all trees' tables
	conditions int // slots of conditions, which precede those of results
	slots      int
}

// slotUnit is the factor of slot numbers in selections: x86 multiplies an index by at most 8, and a slot has 8 times 8 bytes.
const slotUnit = 8

// selection computes vector out = condition ? right : left. The vectors are slots, as slotUnit times their numbers.
type selection struct{ out, condition, right, left uint16 }

// group is the part of a program for up to GroupTrees trees.
type group struct {
	selections []selection
	trees      int
	codes      [GroupTrees][]uint16 // the slots of each tree's code, the lowest bit first, times slotUnit
	tables     [GroupTrees][]uint16 // each tree's leaf for each code
	starts     [GroupTrees]*uint16  // the starts of the tables
}

// New returns a program without trees over a number of conditions. It reports whether that number is within the limits.
func New(conditions int) (*Program, bool) {
	return &Program{conditions: conditions, slots: conditions}, conditions <= maxSlots
}

// Add appends a group of up to GroupTrees trees. It reports whether it is within the limits; if not, the program cannot be used.
func (p *Program) Add(trees ...[]Node) bool {
	c := compiler{conditions: p.conditions}
	g := group{trees: len(trees)}
	var bits [GroupTrees][]int
	for k, nodes := range trees {
		t, ok := measure(nodes)
		if !ok {
			return false
		}
		bits[k] = c.code(&t, 0)
		g.tables[k] = make([]uint16, 1<<len(bits[k]))
		t.tabulate(0, g.tables[k])
		g.starts[k] = &g.tables[k][0]
		p.table += len(g.tables[k])
	}
	g.selections = c.schedule()
	for k := range trees {
		for _, bit := range bits[k] {
			g.codes[k] = append(g.codes[k], c.slot(bit))
		}
	}
	p.groups = append(p.groups, g)
	p.trees += len(trees)
	p.selections += len(g.selections)
	p.slots = max(p.slots, c.slots)
	return p.slots <= maxSlots && p.selections <= maxSelections && p.table <= maxTable
}

// Trees returns the number of trees.
func (p *Program) Trees() int { return p.trees }

// Selections returns the number of selections, which determines most of the time for a block.
func (p *Program) Selections() int { return p.selections }
