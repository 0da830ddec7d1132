package files

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "part")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func lines(t *testing.T, p Part) []string {
	t.Helper()
	var all []string
	if err := p.EachLine(func(line []byte) { all = append(all, string(line)) }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPartsOfAFileHaveEachLineOnce(t *testing.T) {
	var content bytes.Buffer
	content.WriteString("\xef\xbb\xbf")
	var expected []string
	for i := range 100 {
		line := strings.Repeat(fmt.Sprint(i), i%7)
		expected = append(expected, line)
		content.WriteString(line + "\n")
	}
	expected = append(expected, "without an end")
	content.WriteString("without an end")
	path, size := write(t, content.Bytes()), int64(content.Len())
	for step := int64(4); step <= size; step += 5 {
		var all []string
		for first := int64(0); first < size; first += step {
			all = append(all, lines(t, Part{Path: path, First: first, Last: min(first+step, size)})...)
		}
		if strings.Join(all, "|") != strings.Join(expected, "|") {
			t.Fatalf("parts of %d bytes have %d lines, expected %d", step, len(all), len(expected))
		}
	}
}

func TestReadsLongLinesAndSeveralMembersOfGzip(t *testing.T) {
	long := strings.Repeat("x", 3*bufferSize)
	var packed bytes.Buffer
	for _, text := range []string{"a\n\n", long + "\nb\r\n"} {
		w := gzip.NewWriter(&packed)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	path := write(t, packed.Bytes())
	if all := lines(t, Part{path, ".gz", 0, -1}); strings.Join(all, "|") != "a||"+long+"|b\r" {
		t.Errorf("found %d lines", len(all))
	}
	truncated := Part{write(t, packed.Bytes()[:packed.Len()-20]), ".gz", 0, -1}
	if err := truncated.EachLine(func([]byte) {}); err == nil || !strings.Contains(err.Error(), "EOF") {
		t.Errorf("a truncated file: %v", err)
	}
}

func TestEndlessLineIsAnErrorBeforeItFillsTheMemory(t *testing.T) {
	endless := eachLine(zeros{}, -1, true, func([]byte) { t.Error("it has no line") })
	if endless == nil || !strings.Contains(endless.Error(), "more than 256 MiB") {
		t.Errorf("found %v", endless)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
