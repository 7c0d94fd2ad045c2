package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"time"
)

// hashField stands before each line's own hash, which covers everything in front of it.
const hashField = `,"hash":"`

func digest(key, line []byte) string {
	var h hash.Hash
	if len(key) > 0 {
		h = hmac.New(sha256.New, key)
	} else {
		h = sha256.New()
	}
	h.Write(line)
	return hex.EncodeToString(h.Sum(nil))
}

func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// headPath is the file that says where the chain ends, so that lines cut off the end show too.
func headPath(path string) string { return path + ".head" }

func (l *Log) writeHead() error {
	tmp := headPath(l.o.Path) + ".tmp"
	line := fmt.Appendf(nil, `{"seq":%d,"hash":"%s"}`+"\n", l.tip.Seq, l.tip.Hash)
	if err := os.WriteFile(tmp, line, 0o600); err != nil {
		return fmt.Errorf("cannot write the audit log's head: %w", err)
	}
	return os.Rename(tmp, headPath(l.o.Path))
}
