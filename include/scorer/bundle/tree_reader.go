package bundle

// TreeReader reads the trees of a forest one by one and reuses its memory. Several readers of one node may be used
// concurrently.
type TreeReader struct {
	Model *Model // model of the last tree read
	Tree  Tree

	node *Node
	file file // file of Model
}

// Trees returns a reader of the trees in folders below the node's.
func (n *Node) Trees() *TreeReader { return &TreeReader{node: n} }

// Read reads the tree and the model in the named folder.
func (r *TreeReader) Read(name string) error {
	n := r.node
	if err := checkSegment(name); err != nil {
		return entryErrf(n.Model.Entry, "lists the tree %.200q, which %w", name, err)
	}
	dir := join(n.Dir, name)
	if err := r.readModel(dir); err != nil {
		return err
	}
	return n.Tree(dir, &r.Tree)
}

// readModel reads the model of a tree, unless it equals the previous tree's model, which is the usual case.
func (r *TreeReader) readModel(dir string) error {
	a := r.node.archive
	file := a.files[join(dir, "model"+a.ext())]
	if r.Model != nil && a.sameContent(r.file, file) {
		return nil
	}
	model, err := a.Model(dir)
	if err != nil {
		return err
	}
	r.Model, r.file = model, file
	return nil
}
