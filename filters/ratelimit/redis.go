package ratelimit

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"blaze/filters"
	"blaze/telemetry"
	"blaze/telemetry/setting"
)

//go:embed script.lua
var scriptText string

// remote is the store that replicas share. Requests ask it within the timeout; the first that gets no answer opens the
// breaker, and from then on nobody asks until Run has seen Redis answer again.
type remote struct {
	cfg      Redis
	files    [sha256.Size]byte // what the files that cfg names hold
	client   redis.UniversalClient
	script   *redis.Script
	id       string // this replica's
	now      int64  // µs; 0 is Redis's clock, anything else is a test's
	broken   atomic.Bool
	replicas atomic.Int64 // as last seen, this one included
	adopted  atomic.Bool  // a later filter goes on with it
	hopeless refusals
	dirty    dirtyKeys
	courier  courier

	log      telemetry.Logger
	errors   *telemetry.Counter
	fallback *telemetry.Counter
	trips    *telemetry.Histogram
}

// errBroken: Redis is known not to answer.
var errBroken = errors.New("redis does not answer")

// newRemote makes the client; nothing is dialled. prev is gone on with where nothing changed.
func newRemote(cfg Redis, prev *remote, env filters.Env) (*remote, error) {
	var secured *tls.Config
	var files [sha256.Size]byte
	if cfg.TLS != nil {
		var err error
		if secured, files, err = cfg.TLS.config(env); err != nil {
			return nil, err
		}
	}
	if prev != nil && reflect.DeepEqual(prev.cfg, cfg) && prev.files == files {
		prev.adopted.Store(true)
		return prev, nil
	}
	opt := &redis.UniversalOptions{
		Addrs: cfg.Addresses, MasterName: cfg.Master, IsClusterMode: cfg.Mode == Cluster,
		Username: cfg.Username, Password: cfg.Password, DB: cfg.DB,
		ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1, DisableIdentity: true,
		DialTimeout: 500 * time.Millisecond, ReadTimeout: 500 * time.Millisecond, WriteTimeout: 500 * time.Millisecond,
		PoolTimeout: cfg.Timeout, PoolSize: 64, MaxIdleConns: 64, ConnMaxIdleTime: 5 * time.Minute,
		TLSConfig: secured,
		// They start goroutines with the client, before anybody has asked it anything.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	r := &remote{
		cfg: cfg, files: files, client: redis.NewUniversalClient(opt), script: redis.NewScript(scriptText), id: replicaID(),
		log:      env.Log,
		errors:   env.Metrics.Counter("blaze_ratelimit_redis_errors_total"),
		fallback: env.Metrics.Counter("blaze_ratelimit_fallback_total"),
		trips:    env.Metrics.Histogram("blaze_ratelimit_redis_seconds"),
	}
	r.replicas.Store(1)
	return r, nil
}

// config reads the files that the policy names; sum tells whether they changed.
func (t *RedisTLS) config(env filters.Env) (c *tls.Config, sum [sha256.Size]byte, err error) {
	c = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	var ca, cert, key []byte
	if t.CA != "" {
		ca, err = env.ReadFile(t.CA)
		if c.RootCAs = x509.NewCertPool(); err != nil || !c.RootCAs.AppendCertsFromPEM(ca) {
			return nil, sum, setting.Wrong("store.redis.tls.ca", "a readable PEM file with certificates", t.CA)
		}
	}
	if t.Cert != "" {
		var keyErr error
		cert, err = env.ReadFile(t.Cert)
		key, keyErr = env.ReadFile(t.Key)
		pair, pairErr := tls.X509KeyPair(cert, key)
		if errors.Join(err, keyErr, pairErr) != nil {
			return nil, sum, setting.Wrong("store.redis.tls.cert", "a certificate and its key in readable PEM files", t.Cert)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, sha256.Sum256(slices.Concat(ca, []byte{0}, cert, []byte{0}, key)), nil
}

// call is one account's part of a script call: its key, the rule, and units and mark as the operation wants them.
type call struct {
	key      string
	rule     *rule
	units    int64
	least    int64
	optional bool
	mark     int64
}

// answer is what the script says of one account.
type answer struct{ fits, wait, used, reset, mark, units int64 }

const (
	callFields   = 10
	answerFields = 6
)

func (r *remote) key(l *limit, digest [16]byte) string {
	return r.cfg.Prefix + ":{" + l.name + ":" + hex.EncodeToString(digest[:]) + "}"
}

func (c *call) args(dst []any) []any {
	u := c.rule
	kind, p, q, capacity := "bucket", u.p, u.q, u.capacity()
	switch u.kind {
	case FixedWindow:
		kind, p, q = "fixed", 1, 1
	case SlidingWindow:
		kind, p, q = "sliding", 1, 1
	case Adaptive:
		p, q = capacity, u.per
	}
	optional := 0
	if c.optional {
		optional = 1
	}
	return append(dst, kind, capacity, p, q, u.per, max(u.slot, 1), c.units, c.least, optional, c.mark)
}

// lost opens the breaker; once for each loss it says so.
func (r *remote) lost(err error) {
	if r.broken.CompareAndSwap(false, true) {
		r.log.Warn().Err(err).Stringer("on_error", r.cfg.OnError).Int64("replicas", r.replicas.Load()).Msg("redis does not answer; the limits go on without it")
	}
}

// found closes it.
func (r *remote) found() {
	if r.broken.CompareAndSwap(true, false) {
		r.log.Info().Msg("redis answers again; the limits are shared")
	}
}

func (r *remote) prepare(op string, calls []call) (keys []string, args []any) {
	keys, args = make([]string, len(calls)), make([]any, 0, 2+callFields*len(calls))
	args = append(args, op, r.now)
	for i := range calls {
		keys[i] = calls[i].key
		args = calls[i].args(args)
	}
	return keys, args
}

func parseReply(reply []int64, n int) (granted bool, out []answer, err error) {
	if len(reply) != 1+answerFields*n {
		return false, nil, fmt.Errorf("redis script answered %d numbers for %d accounts", len(reply), n)
	}
	for f := reply[1:]; len(f) > 0; f = f[answerFields:] {
		out = append(out, answer{f[0], f[1], f[2], f[3], f[4], f[5]})
	}
	return reply[0] == 1, out, nil
}

// LogRedis sends what the Redis client has to say to log instead of standard error. It is the process's: main calls it once.
func LogRedis(log telemetry.Logger) { redis.SetLogger(&redisLog{log}) }

type redisLog struct{ log telemetry.Logger }

// Printf implements go-redis's logger.
func (l *redisLog) Printf(_ context.Context, format string, v ...any) {
	l.log.Debug().Str("from", "redis").Msg(fmt.Sprintf(format, v...))
}

func replicaID() string { return strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + randomText() }
