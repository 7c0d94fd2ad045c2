package proxy_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"testing"
)

// TestUpload: a large upload reaches the model server byte for byte without being held in memory, and leaves no file.
func TestUpload(t *testing.T) {
	const size = 25<<20 - 64
	var got [32]byte
	var length int64
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		length, _ = io.Copy(h, r.Body)
		h.Sum(got[:0])
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"text":"hello"}`)
	}))
	defer backend.Close()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := serveBefore(t, "version: 1\nproxy: {max_body: 32MiB}\nupstreams: {model: {engine: vllm, targets: [{url: \"${env:BACKEND}\"}]}}\n", backend.URL)

	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, _ := form.CreateFormFile("file", "speech.wav")
	_, _ = file.Write(append([]byte("RIFF\x00\x00\x00\x00WAVEfmt "), make([]byte, size)...))
	_ = form.WriteField("model", "whisper-large-v3")
	_ = form.Close()
	want := sha256.Sum256(body.Bytes())
	sent := int64(body.Len())

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, err := http.Post(s.url()+"/v1/audio/transcriptions", form.FormDataContentType(), &body)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	runtime.ReadMemStats(&after)
	if resp.StatusCode != 200 || string(answer) != `{"text":"hello"}` {
		t.Fatalf("got %d %s", resp.StatusCode, answer)
	}
	if length != sent || got != want {
		t.Errorf("the model server got %d bytes, the same: %v; want %d", length, got == want, sent)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("an upload of %d bytes allocated %d", sent, grown)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
