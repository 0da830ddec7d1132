package scan

import (
	"leapline/cleaner/internal/java"
	"leapline/cleaner/internal/row"
)

// freeTexts joins the texts of an event in which somebody may have written anything; valid until the next call.
func (s *Scanner) freeTexts() []byte {
	r := &s.row
	b, first := s.texts[:0], true
	add := func(text row.Text) {
		if !text.OK {
			return
		}
		if !first {
			b = append(b, ' ')
		}
		first = false
		b = append(b, text.Value...)
	}
	add(r.Item)
	add(r.Category)
	if r.More != nil {
		if !first {
			b = append(b, ' ')
		}
		first = false
		b = appendProducts(b, r.More)
	}
	add(r.Device)
	add(r.Referrer)
	s.texts = b
	return b
}

// appendProducts appends products as JSON.
func appendProducts(b []byte, products []row.Product) []byte {
	b = append(b, '[')
	for i, p := range products {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"kind":`...)
		b = appendQuoted(b, p.Kind)
		if p.Item.OK {
			b = appendQuoted(append(b, `,"item":`...), p.Item.Value)
		}
		if p.Category.OK {
			b = appendQuoted(append(b, `,"category":`...), p.Category.Value)
		}
		if p.HasPrice {
			b = java.AppendDouble(append(b, `,"price":`...), p.Price)
		}
		if p.HasQuantity {
			b = appendInt(append(b, `,"quantity":`...), p.Quantity)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}
