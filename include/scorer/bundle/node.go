package bundle

import (
	"slices"
	"strings"
)

// Socket binds one port of an op to a column.
type Socket struct{ Port, Name string }

// Node is one stage of a pipeline, with its model.
type Node struct {
	Dir      string // folder in the archive
	Name     string
	Inputs   []Socket
	Outputs  []Socket
	Model    *Model
	Children []*Node // stages of a pipeline, in order
	archive  *Archive
}

func (a *Archive) ext() string {
	if a.Format == "json" {
		return ".json"
	}
	return ".pb"
}

// Root reads the root node, its model and, for a pipeline, all nodes below it.
func (a *Archive) Root() (*Node, error) { return a.node("root", 0) }

func (a *Archive) node(dir string, nesting int) (*Node, error) {
	if nesting > a.lim.Nesting {
		return nil, entryErrf(dir, "is nested deeper than %d pipelines", a.lim.Nesting)
	}
	if a.stages++; a.stages > a.lim.Stages {
		return nil, entryErrf(dir, "exceeds the limit of %d stages", a.lim.Stages)
	}
	model, err := a.Model(dir)
	if err != nil {
		return nil, err
	}
	node := &Node{Dir: dir, Model: model, archive: a}
	entry := join(dir, "node"+a.ext())
	data, err := a.read(entry)
	if err != nil {
		return nil, err
	}
	if err := a.parseNode(node, data); err != nil {
		return nil, entryErr(entry, err)
	}
	if err := node.checkSockets(); err != nil {
		return nil, entryErr(entry, err)
	}
	if model.Op != "pipeline" {
		return node, nil
	}
	return node, a.children(node, nesting)
}

func (a *Archive) children(node *Node, nesting int) error {
	names, err := node.Model.Texts("nodes")
	if err != nil {
		return err
	}
	for i, name := range names {
		if err := checkSegment(name); err != nil {
			return entryErrf(node.Model.Entry, "lists the stage %.200q, which %w", name, err)
		}
		if slices.Contains(names[:i], name) {
			return entryErrf(node.Model.Entry, "lists the stage %.200q twice", name)
		}
		child, err := a.node(join(node.Dir, name+".node"), nesting+1)
		if err != nil {
			return err
		}
		node.Children = append(node.Children, child)
	}
	return nil
}

// Submodel reads the model in a folder below the node's and returns it as a node with the same inputs, and without outputs.
func (n *Node) Submodel(folder string) (*Node, error) {
	if err := checkSegment(folder); err != nil {
		return nil, entryErrf(n.Model.Entry, "lists the model %.200q, which %w", folder, err)
	}
	dir := join(n.Dir, folder)
	model, err := n.archive.Model(dir)
	if err != nil {
		return nil, err
	}
	return &Node{Dir: dir, Name: n.Name + "/" + folder, Inputs: n.Inputs, Model: model, archive: n.archive}, nil
}

// checkSegment rejects a name that is not a single path segment.
func checkSegment(name string) error {
	if strings.Contains(name, "/") {
		return errUnsafePath
	}
	return checkPath(name)
}

// Model reads the model file of a folder, for example of one tree in a forest.
func (a *Archive) Model(dir string) (*Model, error) {
	entry := join(dir, "model"+a.ext())
	data, err := a.read(entry)
	if err != nil {
		return nil, err
	}
	model := &Model{Entry: entry, Attributes: map[string]*Value{}}
	if a.Format == "json" {
		err = model.parseJSON(data, a.lim)
	} else {
		err = model.parseProto(data, a.lim)
	}
	if err == nil && model.Op == "" {
		err = errNoOp
	}
	return model, entryErr(entry, err)
}

func (a *Archive) parseNode(n *Node, data []byte) error {
	if a.Format == "json" {
		return n.parseJSON(data, a.lim)
	}
	return n.parseProto(data, a.lim)
}

func (n *Node) checkSockets() error {
	for _, side := range [][]Socket{n.Inputs, n.Outputs} {
		seen := map[string]bool{}
		for _, s := range side {
			if s.Port == "" || s.Name == "" {
				return errEmptySocket
			}
			if seen[s.Port] {
				return errDuplicatePort(s.Port)
			}
			seen[s.Port] = true
		}
	}
	return nil
}
