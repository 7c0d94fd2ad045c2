package access

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"blaze/filters"
	"blaze/filters/filterstest"
	"blaze/telemetry/setting"
)

func newFilter(t testing.TB, cfg Config, files map[string]string) *Filter {
	t.Helper()
	f, err := New(cfg, nil, filterstest.Env(t, nil, files))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRequest(t *testing.T) {
	f := func(allow, deny, client, want string) {
		t.Helper()
		filter := newFilter(t, Config{Allow: strings.Fields(allow), Deny: strings.Fields(deny)}, nil)
		x := &filters.Exchange{}
		x.Client, _ = netip.ParseAddr(client)
		got := "pass"
		if v := filter.Request(x); v.Denied() {
			got = v.Denial.Code + " " + v.Rule
		}
		if got != want {
			t.Errorf("allow [%s] deny [%s] client %s: want %s; got %s", allow, deny, client, want, got)
		}
	}
	// Without lists everybody may ask.
	f("", "", "192.0.2.1", "pass")
	f("", "", "", "pass")
	// Denied networks.
	f("", "192.0.2.0/24", "192.0.2.255", "address_denied deny")
	f("", "192.0.2.0/24", "192.0.3.0", "pass")
	f("", "192.0.2.7", "192.0.2.7", "address_denied deny")
	f("", "192.0.2.7", "192.0.2.8", "pass")
	f("", "2001:db8::/32", "2001:db8:1::1", "address_denied deny")
	f("", "0.0.0.0/0", "2001:db8::1", "pass")
	// Some are allowed, so the rest is not; an address that is not known is not either.
	f("10.0.0.0/8", "", "10.1.2.3", "pass")
	f("10.0.0.0/8", "", "11.1.2.3", "address_denied allow")
	f("10.0.0.0/8", "", "::1", "address_denied allow")
	f("10.0.0.0/8", "", "", "address_denied allow")
	// Deny wins, however narrow the allowance is.
	f("10.1.2.3", "10.0.0.0/8", "10.1.2.3", "address_denied deny")
	f("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "address_denied deny")
	f("10.0.0.0/8", "10.1.0.0/16", "10.2.2.3", "pass")
	// One address has one form.
	f("", "192.0.2.0/24", "::ffff:192.0.2.9", "address_denied deny")
	f("", "::ffff:192.0.2.0/120", "192.0.2.9", "address_denied deny")
	f("", "fe80::/10", "fe80::1%eth0", "address_denied deny")
}

func TestNewProblems(t *testing.T) {
	files := map[string]string{
		"bad.txt":  "10.0.0.0/8\nnonsense # why\n\n300.1.1.1/8\n",
		"html.txt": strings.Repeat("<html>\n", 1000),
	}
	f := func(cfg Config, want ...string) {
		t.Helper()
		_, err := New(cfg, nil, filterstest.Env(t, nil, files))
		var got []string
		for _, p := range setting.Problems(err) {
			got = append(got, p.Error())
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("want:\n%s\ngot:\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	}
	f(Config{Allow: []string{"10.0.0.0/8", "x"}, Deny: []string{"1.2.3.4/33", ""}},
		`allow[1]: want an address or network such as 10.0.0.0/8; got "x"`,
		`deny[0]: want an address or network such as 10.0.0.0/8; got "1.2.3.4/33"`,
		`deny[1]: want an address or network such as 10.0.0.0/8; got ""`)
	f(Config{Allow: []string{"10.0.0.7/8"}},
		`allow[0]: want an address or network such as 10.0.0.0/8; got "10.0.0.7/8"; host bits are set: did you mean 10.0.0.0/8 or 10.0.0.7?`)
	f(Config{DenyFiles: []string{"bad.txt", "none.txt"}},
		`deny_files[0]: want an address or network such as 10.0.0.0/8 on line 2; got "nonsense"`,
		`deny_files[0]: want an address or network such as 10.0.0.0/8 on line 4; got "300.1.1.1/8"`,
		`deny_files[1]: want a file with a network a line; got cannot read none.txt: no such file`)
	_, err := New(Config{DenyFiles: []string{"html.txt"}}, nil, filterstest.Env(t, nil, files))
	if n := len(setting.Problems(err)); n != maxFileProblems+1 {
		t.Errorf("a file that is no list: want %d problems; got %d", maxFileProblems+1, n)
	}
}

func TestFiles(t *testing.T) {
	files := map[string]string{
		"drop.txt":  "\ufeff; Spamhaus style\r\n192.0.2.0/24 ; SBL1\r\n\r\n# comment\n2001:db8::/32\tcolumn\n198.51.100.7",
		"empty.txt": "# nobody\n",
	}
	filter := newFilter(t, Config{DenyFiles: []string{"drop.txt"}}, files)
	if got := filter.deny.Len(); got != 3 {
		t.Errorf("want 3 networks; got %d", got)
	}
	closed := newFilter(t, Config{AllowFiles: []string{"empty.txt"}}, files)
	x := &filters.Exchange{Client: netip.MustParseAddr("192.0.2.1")}
	if v := closed.Request(x); !v.Denied() {
		t.Error("an allow file that holds nobody must let nobody in")
	}
}

// big is 100,000 networks of all usual sizes, v4 and v6.
func big() string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for range 80_000 {
		v := r.Uint32()
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), 16+r.IntN(17)).Masked()
		fmt.Fprintln(&b, p)
	}
	for range 20_000 {
		v := r.Uint64()
		a := netip.AddrFrom16([16]byte{0x20, 0x01, byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24), byte(v >> 32)})
		fmt.Fprintln(&b, netip.PrefixFrom(a, 32+r.IntN(33)).Masked())
	}
	return b.String()
}

func TestRequestAllocs(t *testing.T) {
	filter := newFilter(t, Config{DenyFiles: []string{"big.txt"}}, map[string]string{"big.txt": big()})
	if n := filter.deny.Len(); n != 100_000 {
		t.Fatalf("want 100000 networks; got %d", n)
	}
	x := &filters.Exchange{Client: netip.MustParseAddr("192.0.2.1")}
	if n := testing.AllocsPerRun(100, func() { filter.Request(x) }); n != 0 {
		t.Errorf("want no allocation; got %v", n)
	}
}

// BenchmarkRequest must stay far under a microsecond with 100,000 networks (issue 3).
func BenchmarkRequest(b *testing.B) {
	filter := newFilter(b, Config{DenyFiles: []string{"big.txt"}}, map[string]string{"big.txt": big()})
	x := &filters.Exchange{}
	r := rand.New(rand.NewPCG(3, 4))
	var addrs [1024]netip.Addr
	for i := range addrs {
		v := r.Uint32()
		addrs[i] = netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		x.Client = addrs[i&1023]
		filter.Request(x)
	}
}
