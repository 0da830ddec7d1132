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
	hasFingerprint
)

// What a row has in common with the row before it in its block, and is not repeated.
const (
	sameSession = 1 << iota
	sameVisitor
	sameDevice
	sameReferrer
)

// Append appends the binary form of a row to a block.
//
// Args: before is the row before it in the block, or nil; it is not used at a block's beginning.
func (r *Row) Append(b []byte, before *Row) []byte {
	same := byte(0)
	if before != nil && len(b) > 0 {
		same = r.common(before)
	}
	flags := flag(r.Session.OK, hasSession) | flag(r.Visitor.OK, hasVisitor) | flag(r.Order.OK, hasOrder) |
		flag(r.AfterTail, afterTail) | flag(r.Dated, dated) | flag(r.HasIndex, hasIndex) |
		flag(r.FormerOrder.OK, hasFormerOrder) | flag(r.Fingerprint != 0, hasFingerprint)
	b = append(b, byte(r.Reason), byte(r.Part), flags, same)
	b = binary.LittleEndian.AppendUint64(b, r.Hash)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Time))
	b = binary.AppendVarint(b, r.Collector-r.Time) // wraps around, as the sum does when it is read
	if r.Fingerprint != 0 {
		b = binary.LittleEndian.AppendUint64(b, r.Fingerprint)
	}
	for _, n := range [...]int32{r.Slice, r.Width, r.Bytes, r.SessionIndex, r.Nth} {
		b = binary.AppendVarint(b, int64(n))
	}
	for _, id := range [...]struct {
		same byte
		*ID
	}{{sameSession, &r.Session}, {sameVisitor, &r.Visitor}, {0, &r.Order}, {0, &r.FormerOrder}} {
		if id.OK && same&id.same == 0 {
			b = append(b, id.Value[:]...)
		}
	}
	for _, text := range [...]string{r.EventID, r.Page, r.Unmapped} {
		b = appendText(b, text)
	}
	b = appendNullable(b, r.Currency)
	if same&sameDevice == 0 {
		b = appendNullable(b, r.Device)
	}
	if same&sameReferrer == 0 {
		b = appendNullable(b, r.Referrer)
	}
	b = r.Product.append(b)
	b = binary.AppendUvarint(b, uint64(len(r.More)))
	for i := range r.More {
		b = r.More[i].append(b)
	}
	return b
}

func (r *Row) common(before *Row) byte {
	return flag(r.Session == before.Session, sameSession) | flag(r.Visitor == before.Visitor, sameVisitor) |
		flag(r.Device == before.Device, sameDevice) | flag(r.Referrer == before.Referrer, sameReferrer)
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
		n := len(rows)
		d.row(&rows[n-1], rows[max(0, n-2):n-1])
	}
	return rows, nil
}

type decoder struct {
	text string
	at   int
}

// row reads a row; before has the row before it, and is used only if they have something in common.
func (d *decoder) row(r *Row, before []Row) {
	r.Reason, r.Part = Reason(d.text[d.at]), Part(d.text[d.at+1])
	flags, same := d.text[d.at+2], d.text[d.at+3]
	d.at += 4
	r.AfterTail, r.Dated, r.HasIndex = flags&afterTail != 0, flags&dated != 0, flags&hasIndex != 0
	r.Hash, r.Time = d.uint64(), int64(d.uint64())
	r.Collector = r.Time + d.varint()
	if flags&hasFingerprint != 0 {
		r.Fingerprint = d.uint64()
	}
	for _, n := range [...]*int32{&r.Slice, &r.Width, &r.Bytes, &r.SessionIndex, &r.Nth} {
		*n = int32(d.varint())
	}
	if same&sameSession != 0 {
		r.Session = before[0].Session
	}
	if same&sameVisitor != 0 {
		r.Visitor = before[0].Visitor
	}
	for _, present := range [...]struct {
		bit, same byte
		id        *ID
	}{{hasSession, sameSession, &r.Session}, {hasVisitor, sameVisitor, &r.Visitor}, {hasOrder, 0, &r.Order}, {hasFormerOrder, 0, &r.FormerOrder}} {
		if flags&present.bit != 0 && same&present.same == 0 {
			present.id.OK = true
			d.at += copy(present.id.Value[:], d.text[d.at:d.at+32])
		}
	}
	for _, text := range [...]*string{&r.EventID, &r.Page, &r.Unmapped} {
		*text = d.bytes(d.uvarint())
	}
	r.Currency = d.nullable()
	if same&sameDevice != 0 {
		r.Device = before[0].Device
	} else {
		r.Device = d.nullable()
	}
	if same&sameReferrer != 0 {
		r.Referrer = before[0].Referrer
	} else {
		r.Referrer = d.nullable()
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
