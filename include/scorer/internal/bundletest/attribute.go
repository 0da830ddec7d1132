package bundletest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
)

// encodeAttribute returns a value as JSON and as protobuf.
func encodeAttribute(value any) (any, []byte) {
	one := func(name string, v any, proto []byte) (any, []byte) {
		return map[string]any{name: v}, field(1, proto)
	}
	many := func(name string, v any, proto []byte) (any, []byte) {
		return map[string]any{"type": "list", name: v}, field(2, proto)
	}
	switch v := value.(type) {
	case bool:
		return one("boolean", v, number(1, map[bool]uint64{true: 1}[v]))
	case string:
		return one("string", v, text(2, v))
	case Int:
		return one("int", v, number(3, uint64(int64(v))))
	case Long:
		return one("long", v, number(4, uint64(v)))
	case float64:
		return one("double", nullable([]float64{v})[0], double(6, v))
	case Shape:
		return one("data_shape", v.json(), field(10, v.proto()))
	case []string:
		var b []byte
		for _, s := range v {
			b = append(b, text(2, s)...)
		}
		return many("string", v, b)
	case Ints:
		var b []byte
		for _, n := range v {
			b = binary.AppendUvarint(b, uint64(int64(n)))
		}
		return many("int", v, field(3, b))
	case BasicTypes:
		numbers := map[string]byte{
			"boolean": 1, "byte": 2, "short": 3, "int": 4, "long": 5, "float": 6, "double": 7, "string": 100, "byte_string": 101,
		}
		var b []byte
		for _, name := range v {
			b = append(b, numbers[name])
		}
		return many("basic_type", v, field(9, b))
	case []int64:
		var b []byte
		for _, n := range v {
			b = binary.AppendUvarint(b, uint64(n))
		}
		return many("long", v, field(4, b))
	case []float64:
		return many("double", nullable(v), field(6, doubles(v, binary.LittleEndian)))
	case []Shape:
		var b []byte
		list := []any{}
		for _, s := range v {
			list = append(list, s.json())
			b = append(b, field(10, s.proto())...)
		}
		return many("data_shape", list, b)
	case Tensor:
		m := v.json()
		m["type"] = "tensor"
		return m, field(3, v.proto())
	case []Tensor:
		var b []byte
		list := []any{}
		for _, t := range v {
			list = append(list, t.json())
			b = append(b, field(8, t.proto())...)
		}
		return many("tensor", list, b)
	}
	panic(fmt.Sprintf("bundletest: no attribute of type %T", value))
}

func dims(sizes []int) (any, []byte) {
	list := []any{}
	var b []byte
	for _, n := range sizes {
		list = append(list, map[string]any{"size": n, "name": ""})
		b = append(b, field(1, number(1, uint64(int64(n))))...)
	}
	return map[string]any{"dimensions": list}, b
}

func (t Tensor) json() map[string]any {
	shape, _ := dims(t.Dims)
	return map[string]any{"double": nullable(t.Values), "shape": shape}
}

func (t Tensor) proto() []byte {
	_, shape := dims(t.Dims)
	b := append(number(1, 7), field(2, shape)...)
	return append(b, field(3, doubles(t.Values, binary.BigEndian))...)
}

func (s Shape) json() map[string]any {
	m := map[string]any{"base": "scalar", "isNullable": s.Nullable}
	if s.Width > 0 {
		m["base"] = "tensor"
		m["tensorShape"], _ = dims([]int{s.Width})
	}
	return m
}

func (s Shape) proto() []byte {
	var b []byte
	if s.Width > 0 {
		b = number(1, 2)
	}
	if s.Nullable {
		b = append(b, number(2, 1)...)
	}
	if s.Width > 0 {
		_, shape := dims([]int{s.Width})
		b = append(b, field(3, shape)...)
	}
	return b
}

// tree writes the nodes of a tree in pre-order: as JSON lines, or as records with a length in front.
func (f files) tree(dir string, root *Node) {
	var lines strings.Builder
	var records []byte
	var write func(n *Node)
	write = func(n *Node) {
		line, record := n.encode()
		data, err := json.Marshal(line)
		if err != nil {
			panic(err)
		}
		lines.Write(append(data, '\n'))
		records = append(binary.BigEndian.AppendUint32(records, uint32(len(record))), record...)
		if n.Left != nil {
			write(n.Left)
			write(n.Right)
		}
	}
	write(root)
	f.write(dir, lines.String(), records)
}

func (f files) write(dir, lines string, records []byte) {
	if f.format == "json" {
		f.out[dir+"/tree.json"] = lines
	} else {
		f.out[dir+"/tree.pb"] = string(records)
	}
}

func (n *Node) encode() (any, []byte) {
	switch {
	case n.Left == nil:
		return map[string]any{"type": "leaf", "values": n.Leaf}, field(2, field(1, doubles(n.Leaf, binary.LittleEndian)))
	case n.Of > 0:
		split := map[string]any{
			"type": "categorical", "featureIndex": n.Feature, "isLeft": n.IsLeft, "numCategories": n.Of,
			"categories": append([]float64{}, n.Categories...),
		}
		b := number(1, uint64(n.Feature))
		if n.IsLeft {
			b = append(b, number(2, 1)...)
		}
		b = append(b, number(3, uint64(n.Of))...)
		b = append(b, field(4, doubles(n.Categories, binary.LittleEndian))...)
		return map[string]any{"type": "internal", "split": split}, field(1, field(1, field(1, b)))
	}
	split := map[string]any{"type": "continuous", "featureIndex": n.Feature, "threshold": n.Threshold}
	b := append(number(1, uint64(n.Feature)), double(2, n.Threshold)...)
	return map[string]any{"type": "internal", "split": split}, field(1, field(1, field(2, b)))
}

func (f files) cluster(dir string, list []ClusterRecord) {
	var lines strings.Builder
	var records []byte
	for _, r := range list {
		data, err := json.Marshal(map[string]any{"index": r.Index, "norm": 0.0, "numChildren": r.Children, "values": r.Centre})
		if err != nil {
			panic(err)
		}
		lines.Write(append(data, '\n'))
		record := append(number(1, uint64(uint32(r.Index))), double(2, 0)...)
		record = append(record, field(3, doubles(r.Centre, binary.LittleEndian))...)
		record = append(record, number(4, uint64(r.Children))...)
		records = append(binary.BigEndian.AppendUint32(records, uint32(len(record))), record...)
	}
	f.write(dir, lines.String(), records)
}
