// Package files reads the lines of landed files, compressed or not.
package files

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"leapline/scorer/inflate"
)

const bufferSize = 1 << 20

// maxLine is the largest line in bytes. A file of another kind can be one endless line, which must not fill the memory.
const maxLine = 256 << 20

// Part is a file, or a part of one that is not compressed.
type Part struct {
	Path      string
	Extension string // that fits the content: "" for plain text, .gz, .bz2 or .zst
	First     int64  // a part has the lines that begin at or after the byte First, and before Last
	Last      int64  // negative for the whole file
}

// EachLine calls f for each line, without its line feed. The text is valid until f returns.
func (p *Part) EachLine(f func(line []byte)) error {
	file, err := os.Open(p.Path)
	if err != nil {
		return fmt.Errorf("reading file %s failed: %w", p.Path, err)
	}
	defer file.Close()
	if err := p.read(file, f); err != nil {
		return fmt.Errorf("reading file %s failed: %w", p.Path, err)
	}
	return nil
}

func (p *Part) read(file *os.File, f func(line []byte)) error {
	switch p.Extension {
	case "":
		return p.readPart(file, f)
	case ".gz":
		content, err := inflate.NewGzipReader(file)
		if err != nil {
			return err
		}
		return eachLine(content, -1, true, f)
	case ".bz2":
		return eachLine(bzip2.NewReader(bufio.NewReaderSize(file, bufferSize)), -1, true, f)
	case ".zst":
		content, err := zstd.NewReader(bufio.NewReaderSize(file, bufferSize), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return err
		}
		defer content.Close()
		return eachLine(content, -1, true, f)
	}
	return fmt.Errorf("no decompressor for %q", p.Extension)
}

// readPart reads a part of a plain file. A line that begins before the part belongs to the part before.
func (p *Part) readPart(file *os.File, f func(line []byte)) error {
	if p.Last < 0 || p.First == 0 {
		return eachLine(file, p.Last, true, f)
	}
	if _, err := file.Seek(p.First-1, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(file, bufferSize)
	skipped := int64(-1) // the byte before the part
	for {
		text, err := in.ReadSlice('\n')
		skipped += int64(len(text))
		if err == nil {
			break
		}
		if err == io.EOF {
			return nil
		}
		if err != bufio.ErrBufferFull {
			return err
		}
	}
	return eachLine(in, max(0, p.Last-p.First-skipped), false, f)
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// eachLine calls f for the lines that begin before the byte `limit`, all if it is negative.
func eachLine(in io.Reader, limit int64, atStart bool, f func(line []byte)) error {
	buffer, size, read := make([]byte, bufferSize), 0, int64(0)
	for {
		n, err := in.Read(buffer[size:])
		size += n
		block := buffer[:size]
		if atStart && (size >= len(byteOrderMark) || err != nil) {
			atStart = false
			if bytes.HasPrefix(block, byteOrderMark) {
				block = block[len(byteOrderMark):]
				read += int64(len(byteOrderMark))
			}
		}
		for !atStart {
			if limit >= 0 && read >= limit {
				return nil
			}
			end := bytes.IndexByte(block, '\n')
			if end < 0 {
				break
			}
			f(block[:end])
			block = block[end+1:]
			read += int64(end) + 1
		}
		size = copy(buffer, block)
		if size == len(buffer) {
			if size >= maxLine {
				return fmt.Errorf("a line has more than %d MiB", maxLine>>20)
			}
			buffer = append(buffer, make([]byte, len(buffer))...)
		}
		if err == io.EOF {
			if size > 0 {
				f(buffer[:size])
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}
