package proxy

import (
	"errors"
	"fmt"
	"io"
	"os"

	"blaze/filters"
)

// spoolOver is how much of an upload is held in memory; one that grows beyond it moves to a file.
const spoolOver = 1 << 20

// spool moves what has arrived of an upload to a temporary file, which has no name any more once it is open, and receives
// the rest there: a large file is judged whole, and forwarded, without being held in memory. Without room for the file
// nothing can be judged, so the exchange is refused.
func (e *exchange) spool(src io.Reader, limit int64) bool {
	f, err := os.CreateTemp("", "blaze-upload-")
	if err != nil {
		return e.refuse(filters.Fail(fmt.Errorf("cannot keep an upload: %w", err)))
	}
	e.file = f
	if err := os.Remove(f.Name()); err != nil {
		return e.refuse(filters.Fail(fmt.Errorf("cannot keep an upload: %w", err)))
	}
	buf := e.Body
	for n := len(e.Body); ; {
		if _, err := f.Write(buf[:n]); err != nil {
			return e.refuse(filters.Fail(fmt.Errorf("cannot keep an upload: %w", err)))
		}
		var err error
		n, err = src.Read(buf[:cap(buf)])
		e.BytesIn += int64(n)
		switch {
		case e.BytesIn > limit:
			return e.tooLarge()
		case err == io.EOF && n == 0 && e.BytesIn < int64(e.Request.ContentLength()):
			return e.bodyFailed(io.ErrUnexpectedEOF)
		case err == io.EOF && n == 0:
			e.Body = e.Body[:0]
			e.Large = io.NewSectionReader(f, 0, e.BytesIn)
			return true
		case err != nil && !errors.Is(err, io.EOF):
			return e.bodyFailed(err)
		}
	}
}

// unspool lets the file go.
func (e *exchange) unspool() {
	if e.file != nil {
		_ = e.file.Close()
		e.file = nil
	}
}
