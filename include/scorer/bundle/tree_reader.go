package bundle

// Trees reads the trees of a forest one after another, each in the memory of the one before. Several of them may read
// the trees of one node at once.
type TreeReader struct {
	Model *Model // of the tree that was read
	Tree  Tree

	node *Node
	file file // of Model
}

// Trees starts to read.
func (n *Node) Trees() *TreeReader { return &TreeReader{node: n} }

// Read reads the tree in a folder below the node's, with its model.
func (r *TreeReader) Read(name string) error {
	n := r.node
	if err := checkSegment(name); err != nil {
		return entryErrf(n.Model.Entry, "names the folder %.200q, which %w", name, err)
	}
	dir := join(n.Dir, name)
	if err := r.readModel(dir); err != nil {
		return err
	}
	return n.Tree(dir, &r.Tree)
}

// readModel reads a tree's model, unless it is that of the tree before, as it nearly always is.
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
