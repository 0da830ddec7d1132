package server

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// minCompressed is the size in bytes from which a response is compressed if the client accepts it.
const minCompressed = 4 << 10

// gzipReaders and gzipWriters are reused: a writer has about 800 KB of memory.
var (
	gzipReaders sync.Pool // of *gzip.Reader
	gzipWriters = sync.Pool{New: func() any {
		w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
		if err != nil { // the level is valid
			panic(err)
		}
		return w
	}}
	gzipSlots = make(chan struct{}, 4) // limits the writers in use, and thereby their memory
)

// decodeBody returns the reader of the decoded body, and a function that ends its use. The reader is not limited: readBody
// stops at the limit on the body's decoded size.
func (req *request) decodeBody() (body io.Reader, done func(), err error) {
	switch coding := req.http.Header.Get("Content-Encoding"); strings.ToLower(coding) {
	case "", "identity":
		return req.http.Body, func() {}, nil
	case "gzip", "x-gzip":
	default:
		return nil, nil, newProblem(http.StatusUnsupportedMediaType, "content coding %q is not supported, expected gzip or none", content(coding))
	}
	reader, ok := gzipReaders.Get().(*gzip.Reader)
	if ok {
		err = reader.Reset(req.http.Body)
	} else {
		reader, err = gzip.NewReader(req.http.Body)
	}
	if err != nil {
		return nil, nil, bodyError(err)
	}
	return reader, func() { gzipReaders.Put(reader) }, nil
}

// isCorrupt reports whether a gzip stream is invalid.
func isCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt)
}

// quality returns the weight of a token in a header such as Accept-Encoding, the weight of * if the token is absent, and 0
// if neither is present.
func quality(header []string, token string) float64 {
	best, isListed := 0.0, false
	for _, line := range header {
		for element := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(element, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			if name == token {
				return weight(parameters)
			}
			if name == "*" && !isListed {
				best, isListed = weight(parameters), true
			}
		}
	}
	return best
}

// weight returns the value of the parameter q, 1 if there is none or it is invalid.
func weight(parameters string) float64 {
	for parameter := range strings.SplitSeq(parameters, ";") {
		if value, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameter)), "q="); ok {
			if q, err := strconv.ParseFloat(value, 64); err == nil && q >= 0 && q <= 1 {
				return q
			}
		}
	}
	return 1
}

// compressResponse writes the response with gzip if the client accepts it and the response is long enough. It reports whether
// it did.
func (req *request) compressResponse(w http.ResponseWriter) bool {
	if req.responseSize() < minCompressed {
		return false
	}
	header := w.Header()
	header.Add("Vary", "Accept-Encoding")
	if quality(req.http.Header["Accept-Encoding"], "gzip") == 0 || req.http.Method == http.MethodHead {
		return false
	}
	select {
	case gzipSlots <- struct{}{}:
		defer func() { <-gzipSlots }()
	default: // too many at once: uncompressed is always correct
		return false
	}
	header["Content-Encoding"] = []string{"gzip"}
	writer := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(writer)
	writer.Reset(w)
	req.writeResponse(writer)
	_ = writer.Close() // fails only if the client has disconnected
	return true
}

// checkAccept rejects a request whose client accepts none of the content types of the response.
func (req *request) checkAccept(types []string) error {
	accept := req.http.Header["Accept"]
	if len(accept) == 0 || accept[0] == "*/*" || accept[0] == "" {
		return nil
	}
	for _, candidate := range types {
		candidate, _, _ = strings.Cut(candidate, ";")
		if accepts(accept, candidate) {
			return nil
		}
	}
	return newProblem(http.StatusNotAcceptable, "no acceptable content type; this response is %s", strings.Join(types, " or "))
}

// accepts reports whether an Accept header allows a media type. The most specific range that matches decides.
func accepts(header []string, mediaType string) bool {
	major, _, _ := strings.Cut(mediaType, "/")
	best, result := 0, false
	for _, line := range header {
		for element := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(element, ";")
			specificity := 0
			switch strings.ToLower(strings.TrimSpace(name)) {
			case mediaType:
				specificity = 3
			case major + "/*":
				specificity = 2
			case "*/*":
				specificity = 1
			}
			if specificity > best {
				best, result = specificity, weight(parameters) > 0
			}
		}
	}
	return result
}
