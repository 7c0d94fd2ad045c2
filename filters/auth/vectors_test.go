package auth

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "make the token vectors anew, with new keys (vectorcases_test.go)")

const vectorFile = "testdata/jwt.json"

// vectors are tokens with the verdicts they must get, as data: public keys and policy beside them.
type vectors struct {
	Now     time.Time         `json:"now"`
	Issuers []Issuer          `json:"issuers"`
	Files   map[string]string `json:"files"`
	Vectors []vector          `json:"vectors"`
}

type vector struct {
	Name  string `json:"name"`
	Want  string `json:"want"` // pass and the identity, or the code and the rule
	Token string `json:"token"`
}

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	text, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var file vectors
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	e := env(t, file.Files, nil)
	e.Now = func() time.Time { return file.Now }
	filter := build(t, Config{Required: true, JWT: file.Issuers}, e)
	passed := 0
	for _, v := range file.Vectors {
		for _, again := range []string{"", " again"} { // the second time from the cache, if it passed
			x := exchange("Authorization: Bearer " + v.Token)
			got := verdict(filter, x)
			if strings.HasPrefix(got, "pass") {
				id := x.Identity
				got = strings.TrimSpace(strings.Join([]string{got, strings.Join(id.Roles, "+"), id.Tier, id.Tenant}, " "))
				passed++
			}
			if got != v.Want {
				t.Errorf("%s%s: want %s; got %s", v.Name, again, v.Want, got)
			}
		}
	}
	if n := len(file.Vectors); n < 150 || passed < 2*30 {
		t.Errorf("only %d vectors ran, %d passed", n, passed/2)
	}
	t.Logf("%d vectors, %d of them pass", len(file.Vectors), passed/2)
}
