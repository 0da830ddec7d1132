package server

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"leapline/scorer/engine"
	"leapline/scorer/features"
)

// These benchmarks decode the bodies of real requests with the scanner and with reflection-based decoders, which are given
// equivalent structs. docs/decisions/0020-json-scanner.md discusses the results. Run them with GOEXPERIMENT=jsonv2 to
// include encoding/json/v2.

// scoreBody is the body of /v1/score as a struct. Timestamps stay strings.
type scoreBody struct {
	Session struct {
		Session      json.RawMessage `json:"session"`
		Device       string          `json:"device"`
		Referrer     string          `json:"referrer"`
		SessionIndex int32           `json:"session_index"`
		Events       []struct {
			TS       string   `json:"ts"`
			Kind     string   `json:"kind"`
			Page     string   `json:"page"`
			Item     string   `json:"item"`
			Category string   `json:"category"`
			Price    *float64 `json:"price"`
			Quantity *int32   `json:"quantity"`
			EventID  string   `json:"event_id"`
		} `json:"events"`
	} `json:"session"`
}

// predictBody is the body of /v1/predict as a struct. Columns depend on the model, so that rows are maps.
type predictBody struct {
	Rows []map[string]any `json:"rows"`
}

// decoders contains the reflection-based decoders by name.
var decoders = map[string]func(body []byte, into any) error{
	"encoding-json": func(body []byte, into any) error {
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		return decoder.Decode(into)
	},
}

func benchmarkDecoders[T any](b *testing.B, body []byte) {
	for name, decode := range decoders {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(body, new(T)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeSession(b *testing.B) {
	body := []byte(fiftyEvents())
	b.Run("jsonscan", func(b *testing.B) {
		req := &request{body: body}
		d := &sessionDecoder{req: req, state: &features.State{}}
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			q, err := req.readScoreQuery()
			if err == nil {
				req.scan.Seek(q.start)
				err = d.readSession()
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	benchmarkDecoders[scoreBody](b, body)
}

func BenchmarkDecodeRows(b *testing.B) {
	rows := strings.TrimSuffix(strings.Repeat(`{"colour":"blue","x0":-1.5},`, 100), ",")
	body := []byte(`{"rows":[` + rows + `]}`)
	m, err := Load(buyBundle(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("jsonscan", func(b *testing.B) {
		req, row := &request{body: body}, m.standard.rows.Get().(*engine.Row)
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			q, err := req.readPredictQuery()
			if err == nil {
				_, err = forEach(req, q.payload, func(int) error {
					_, err := req.readRow(m.standard, row)
					return err
				})
			}
			if err != nil {
				b.Fatal(err)
			}
			req.text = req.text[:0]
		}
	})
	benchmarkDecoders[predictBody](b, body)
}
