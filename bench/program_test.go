package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// folder is where the built program lies.
var folder string

func TestMain(m *testing.M) {
	code := 1
	if dir, err := os.MkdirTemp("", "blaze-bench-"); err == nil {
		folder = dir
		code = m.Run()
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// build makes the program for the first test that wants it, as it is released.
var build = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(folder, "blaze")
	c := exec.Command("go", "build", "-trimpath", "-o", path, "blaze")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// built is the path of the program.
func built(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
