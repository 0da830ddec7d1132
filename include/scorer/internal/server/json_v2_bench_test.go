//go:build goexperiment.jsonv2

package server

import "encoding/json/v2"

func init() {
	decoders["encoding-json-v2"] = func(body []byte, into any) error {
		return json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	}
}
