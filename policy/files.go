package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Bounds of what is read for one policy.
const (
	maxFiles     = 256
	maxNamedFile = 64 << 20 // a block list, an API-key file
)

// File is one policy file as read. Name is what messages call it, and what paths in it are relative to.
type File struct {
	Name string
	Data []byte
}

// digest is what a watched file held; the zero digest is a file that could not be read.
type digest [sha256.Size]byte

// files reads everything that one policy is made of, and remembers what was in it: what was read is what is watched.
type files struct {
	seen map[string]digest
}

func newFiles() *files { return &files{seen: map[string]digest{}} }

// read reads the file at path, complete.
func (f *files) read(path string) ([]byte, error) {
	data, err := readBounded(path)
	if err != nil {
		f.seen[path] = digest{}
		return nil, err
	}
	f.seen[path] = sha256.Sum256(data)
	return data, nil
}

// hash is over all files read, whatever the order in which they were asked for, and over the embedded ones given.
func (f *files) hash(embedded []File) string {
	paths := make([]string, 0, len(f.seen))
	for p := range f.seen {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	h := sha256.New()
	for _, e := range embedded {
		fmt.Fprintf(h, "%d %s %x\n", len(e.Name), e.Name, sha256.Sum256(e.Data))
	}
	for _, p := range paths {
		sum := f.seen[p]
		fmt.Fprintf(h, "%d %s %x\n", len(p), p, sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// policy reads the policy file at path, or the *.yaml files of the folder at path in name order.
func (f *files) policy(path string) ([]File, error) {
	names, err := policyNames(path)
	if err != nil {
		f.seen[path] = digest{}
		return nil, err
	}
	f.seen[path] = listing(names)
	var out []File
	var problems []error
	for _, name := range names {
		data, err := f.read(name)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		out = append(out, File{Name: name, Data: data})
	}
	return out, errors.Join(problems...)
}

// policyNames lists the files of a policy. Files whose names begin with a dot (editors' and Kubernetes' own) are none.
func policyNames(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, plainError(path, err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, plainError(path, err)
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".yml") {
			continue
		}
		if info, err := os.Stat(filepath.Join(path, name)); err == nil && info.IsDir() {
			continue
		}
		names = append(names, filepath.Join(path, name))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("cannot read %s: no *.yaml file in the folder", path)
	}
	if len(names) > maxFiles {
		return nil, fmt.Errorf("cannot read %s: more than %d files in the folder", path, maxFiles)
	}
	return names, nil
}

// listing is the digest of a folder: which files are in it.
func listing(names []string) digest { return sha256.Sum256([]byte(strings.Join(names, "\x00"))) }

// look returns what is in a watched file, or which files a watched folder holds, now.
func look(path, policy string) digest {
	if path == policy {
		names, err := policyNames(path)
		if err != nil {
			return digest{}
		}
		if len(names) != 1 || names[0] != path {
			return listing(names)
		}
	}
	data, err := readBounded(path)
	if err != nil {
		return digest{}
	}
	return sha256.Sum256(data)
}

func readBounded(path string) ([]byte, error) {
	// Before it is opened: opening a pipe would wait for its writer.
	if info, err := os.Stat(path); err != nil {
		return nil, plainError(path, err)
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("cannot read %s: not a file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, plainError(path, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxNamedFile+1))
	if err != nil {
		return nil, plainError(path, err)
	}
	if len(data) > maxNamedFile {
		return nil, fmt.Errorf("cannot read %s: larger than 64 MiB", path)
	}
	return data, nil
}

// plainError says what the system said, once.
func plainError(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("cannot read %s: %w", path, err)
}
