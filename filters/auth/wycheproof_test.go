package auth

import (
	"encoding/json"
	"os"
	"testing"
)

// wycheproof is what is read of the vectors of C2SP Wycheproof, which are kept outside of this repository.
type wycheproof struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment         string
		Public, Private json.RawMessage
		Tests           []struct {
			TcID            int
			Comment, Result string
			JWS             json.RawMessage
		}
	}
}

// stricter lists valid vectors that are refused on purpose, by comment, with the reason.
var stricter = map[string]string{
	"Figure20":                          "the key says alg PS256, the token PS384; an algorithm is the key's to choose",
	"emptyPayload":                      "no JWT has an empty payload",
	"Figure27":                          "the key says alg ES521, which does not exist; an algorithm is the key's to choose",
	"InvalidCharacterInsertedInHeader":  "base64url has one form",
	"InvalidCharacterInsertedInPayload": "base64url has one form",
}

func TestWycheproof(t *testing.T) {
	f := func(name string, least int) {
		t.Helper()
		text, err := os.ReadFile("../../../shared/protocol/" + name)
		if err != nil {
			t.Skipf("the vectors are not here: %v", err)
		}
		var file wycheproof
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		ran, refused := 0, map[string]int{}
		for _, g := range file.TestGroups {
			valid := map[string]bool{}
			for _, c := range g.Tests {
				valid[string(c.JWS)] = valid[string(c.JWS)] || c.Result == "valid"
			}
			for _, c := range g.Tests {
				ran++
				got := wycheproofVerdict(g.Public, g.Private, c.JWS)
				switch {
				case got == "" && c.Result != "valid" && valid[string(c.JWS)]: // 367 and 370 are 357, byte for byte
					refused["contradicts itself"]++
				case got == "" && c.Result != "valid":
					t.Errorf("%s: %s %d %s: accepted", name, g.Comment, c.TcID, c.Comment)
				case got != "" && c.Result == "valid" && stricter[c.Comment] == "":
					t.Errorf("%s: %s %d %s: refused: %s", name, g.Comment, c.TcID, c.Comment, got)
				case got != "" && c.Result == "valid":
					refused[c.Comment]++
				}
			}
		}
		if ran != file.NumberOfTests || ran < least {
			t.Errorf("%s: ran %d of %d vectors", name, ran, file.NumberOfTests)
		}
		t.Logf("%s: %d vectors; refused on purpose: %v", name, ran, refused)
	}
	f("wycheproof-json_web_signature_test.json", 401)
	f("wycheproof-json_web_key_test.json", 26)
}

// wycheproofVerdict is empty when jws is accepted, with the group's keys as a key set and every algorithm of their kind
// allowed, as the most lenient policy has it.
func wycheproofVerdict(public, private, jws json.RawMessage) string {
	set := public
	if set == nil {
		set = private
	}
	if doc, err := parseObject(set); err != nil || doc["keys"] == nil {
		set = json.RawMessage(`{"keys":[` + string(set) + `]}`)
	}
	var text string
	if json.Unmarshal(jws, &text) != nil {
		return "not in compact form"
	}
	worst := ""
	for _, algs := range [][]string{algorithms()[:3], algorithms()[3:]} {
		keys, err := parseKeySet(set, algs)
		if err != nil {
			worst = err.Error()
			continue
		}
		tok, no := split(text)
		if no == nil {
			no = tok.verify(keys, algs)
		}
		if no == nil {
			return ""
		}
		worst = no.rule
	}
	return worst
}
