package proxy

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	brotli "github.com/molecule-man/go-brrr"

	"blaze/filters"
)

// A compressed body may grow this many times, and to at least minDecoded, before it is a bomb.
const (
	maxRatio   = 10
	minDecoded = 64 << 10
)

var errTrailing = errors.New("bytes after the end of the compressed body")

// decodeBody undoes the body's content encoding; the decoded body is also what is forwarded, so that two decoders that
// disagree about an encoded one cannot matter.
func (e *exchange) decodeBody() bool {
	sent := e.Body
	out, v := decoded(&e.Exchange, int64(e.snapshot.Proxy.MaxBody), e.sent)
	if !v.Passed() {
		if v.Denial == filters.RequestTooLarge {
			e.ctx.SetConnectionClose()
		}
		return e.refuse(v)
	}
	if out != nil {
		e.Body, e.sent = out, sent
		e.Request.Del("Content-Encoding")
	}
	return true
}

// decoded undoes one content encoding, within a ratio, so that every filter sees what the model server would see. It uses
// the memory of buf, and returns nil when the body is not encoded. Nested and unknown encodings are refused.
func decoded(x *filters.Exchange, maxBody int64, buf []byte) ([]byte, filters.Verdict) {
	enc := bytes.TrimSpace(x.Request.Peek("Content-Encoding"))
	if len(enc) == 0 || bytes.EqualFold(enc, []byte("identity")) {
		return nil, filters.Pass()
	}
	if len(x.Request.PeekAll("Content-Encoding")) > 1 || len(x.Body) == 0 {
		return nil, filters.Deny(filters.UnsupportedMediaType, "content_encoding")
	}
	limit := min(maxBody, max(int64(len(x.Body))*maxRatio, minDecoded))
	out, err := decode(buf[:0], string(bytes.ToLower(enc)), x.Body, limit)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil, filters.Deny(filters.UnsupportedMediaType, "content_encoding")
	case errors.Is(err, errTooMuch):
		return nil, filters.Deny(filters.RequestTooLarge, "max_body")
	case err != nil:
		return nil, filters.Deny(filters.InvalidRequest, "content_encoding").At("body", err.Error())
	}
	if out == nil {
		out = []byte{}
	}
	return out, filters.Pass()
}

var errTooMuch = errors.New("decoded body is too large")

// decode appends body, decoded, to dst. Bytes after the encoded stream are an error: a second member, or anything else
// that another decoder might read.
func decode(dst []byte, encoding string, body []byte, limit int64) ([]byte, error) {
	src := bytes.NewReader(body)
	r, err := decoder(encoding, src, narrow(encoding, body, src, limit), limit)
	if err != nil {
		return nil, err
	}
	if c, ok := r.(io.Closer); ok {
		defer func() { _ = c.Close() }()
	}
	buf := bytes.NewBuffer(dst)
	n, err := io.Copy(buf, io.LimitReader(r, limit+1))
	switch {
	case n > limit || errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, errTooMuch
	case err != nil:
		return nil, err
	case src.Len() > 0:
		return nil, errTrailing
	}
	return buf.Bytes(), nil
}

func decoder(encoding string, src *bytes.Reader, narrow io.Reader, limit int64) (io.Reader, error) {
	switch encoding {
	case "gzip", "x-gzip":
		r, err := gzip.NewReader(src)
		if err != nil {
			return nil, err
		}
		r.Multistream(false)
		return r, nil
	case "deflate":
		// RFC 9110 means zlib; some senders mean raw deflate. The first two bytes tell (RFC 1950, 2.2).
		if head, _ := src.ReadByte(); head&0x0f == 8 {
			if err := src.UnreadByte(); err != nil {
				return nil, err
			}
			return zlib.NewReader(src)
		}
		if err := src.UnreadByte(); err != nil {
			return nil, err
		}
		return flate.NewReader(src), nil
	case "br":
		return brotli.NewReader(narrow), nil
	case "zstd":
		d, err := zstd.NewReader(narrow, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(2*max(limit, minDecoded))),
			zstd.WithDecoderMaxWindow(widest), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, errors.ErrUnsupported
}
