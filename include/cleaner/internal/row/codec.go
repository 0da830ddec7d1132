package row

import (
	"encoding/binary"
	"errors"
	"math"
)

const (
	hasSession = 1 << iota
	hasVisitor
	hasOrder
	afterTail
	dated
	hasIndex
	hasFormerOrder
)

// Append appends the binary form of a row.
func (r *Row) Append(b []byte) []byte {
	flags := flag(r.Session.OK, hasSession) | flag(r.Visitor.OK, hasVisitor) | flag(r.Order.OK, hasOrder) |
		flag(r.AfterTail, afterTail) | flag(r.Dated, dated) | flag(r.HasIndex, hasIndex) |
		flag(r.FormerOrder.OK, hasFormerOrder)
	b = append(b, byte(r.Reason), byte(r.Part), flags)
	b = binary.LittleEndian.AppendUint64(b, r.Hash)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Time))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Collector))
	for _, n := range [...]int32{r.Slice, r.Width, r.Bytes, r.SessionIndex, r.Nth} {
		b = binary.AppendVarint(b, int64(n))
	}
	for _, id := range [...]*ID{&r.Session, &r.Visitor, &r.Order, &r.FormerOrder} {
		if id.OK {
			b = append(b, id.Value[:]...)
		}
	}
	for _, text := range [...]string{r.EventID, r.Fingerprint, r.Page, r.Unmapped} {
		b = appendText(b, text)
	}
	for _, text := range [...]Text{r.Currency, r.Device, r.Referrer} {
		b = appendNullable(b, text)
	}
	b = r.Product.append(b)
	b = binary.AppendUvarint(b, uint64(len(r.More)))
	for i := range r.More {
		b = r.More[i].append(b)
	}
	return b
}

func (p *Product) append(b []byte) []byte {
	b = append(b, flag(p.HasPrice, 1)|flag(p.HasQuantity, 2))
	b = appendText(b, p.Kind)
	b = appendNullable(appendNullable(b, p.Item), p.Category)
	if p.HasPrice {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.Price))
	}
	return binary.AppendVarint(b, int64(p.Quantity))
}

func flag(set bool, bit byte) byte {
	if set {
		return bit
	}
	return 0
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendNullable(b []byte, text Text) []byte {
	if !text.OK {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(b, uint64(len(text.Value))+1), text.Value...)
}

// ErrDamaged is the error for bytes that are no rows.
var ErrDamaged = errors.New("the rows between two tasks are damaged")

// Decode reads all rows of a block. Their texts share one copy of it.
func Decode(block []byte, rows []Row) (_ []Row, err error) {
	defer func() {
		if recover() != nil { // an index beyond the block
			err = ErrDamaged
		}
	}()
	d := decoder{text: string(block)}
	for d.at < len(d.text) {
		rows = append(rows, Row{})
		d.row(&rows[len(rows)-1])
	}
	return rows, nil
}

type decoder struct {
	text string
	at   int
}

func (d *decoder) row(r *Row) {
	r.Reason, r.Part = Reason(d.text[d.at]), Part(d.text[d.at+1])
	flags := d.text[d.at+2]
	d.at += 3
	r.AfterTail, r.Dated, r.HasIndex = flags&afterTail != 0, flags&dated != 0, flags&hasIndex != 0
	r.Hash, r.Time, r.Collector = d.uint64(), int64(d.uint64()), int64(d.uint64())
	for _, n := range [...]*int32{&r.Slice, &r.Width, &r.Bytes, &r.SessionIndex, &r.Nth} {
		*n = int32(d.varint())
	}
	for _, present := range [...]struct {
		bit byte
		id  *ID
	}{{hasSession, &r.Session}, {hasVisitor, &r.Visitor}, {hasOrder, &r.Order}, {hasFormerOrder, &r.FormerOrder}} {
		if flags&present.bit != 0 {
			present.id.OK = true
			d.at += copy(present.id.Value[:], d.text[d.at:d.at+32])
		}
	}
	for _, text := range [...]*string{&r.EventID, &r.Fingerprint, &r.Page, &r.Unmapped} {
		*text = d.bytes(d.uvarint())
	}
	for _, text := range [...]*Text{&r.Currency, &r.Device, &r.Referrer} {
		*text = d.nullable()
	}
	d.product(&r.Product)
	if n := d.uvarint(); n > 0 {
		r.More = make([]Product, n)
		for i := range r.More {
			d.product(&r.More[i])
		}
	}
}

func (d *decoder) product(p *Product) {
	flags := d.text[d.at]
	d.at++
	p.HasPrice, p.HasQuantity = flags&1 != 0, flags&2 != 0
	p.Kind = d.bytes(d.uvarint())
	p.Item, p.Category = d.nullable(), d.nullable()
	if p.HasPrice {
		p.Price = math.Float64frombits(d.uint64())
	}
	p.Quantity = int32(d.varint())
}

func (d *decoder) nullable() Text {
	size := d.uvarint()
	if size == 0 {
		return Text{}
	}
	return Text{d.bytes(size - 1), true}
}

func (d *decoder) bytes(n uint64) string {
	text := d.text[d.at : d.at+int(n)]
	d.at += int(n)
	return text
}

func (d *decoder) uint64() uint64 {
	var n uint64
	for i := 7; i >= 0; i-- {
		n = n<<8 | uint64(d.text[d.at+i])
	}
	d.at += 8
	return n
}

func (d *decoder) uvarint() uint64 {
	n, shift := uint64(0), 0
	for {
		c := d.text[d.at]
		d.at++
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
		shift += 7
	}
}

func (d *decoder) varint() int64 {
	n := d.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}
