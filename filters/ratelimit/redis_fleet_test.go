package ratelimit

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestClusterCountsExactly: three nodes, each with a third of the accounts; a request that one account refuses takes
// nothing from accounts on other nodes.
func TestClusterCountsExactly(t *testing.T) {
	t.Parallel()
	addrs := startCluster(t)
	w := newTester(t)
	w.env.Now = time.Now
	cfg := Redis{Addresses: addrs, Mode: Cluster, Prefix: "blaze", Timeout: time.Second}
	f := w.replica(cfg,
		Limit{Name: "all", By: by("global"), Limit: 1000, Per: 500 * time.Hour},
		Limit{Name: "user", By: by("user"), Algorithm: SlidingWindow, Limit: 5, Per: 500 * time.Hour})
	for i := range 30 {
		if got := w.admitted(f, 8, caller{subject: fmt.Sprint("user", i)}); got != 5 {
			t.Fatalf("%d of user %d admitted; want 5", got, i)
		}
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	defer c.Close()
	l := f.limits[0]
	var k keyBuffer
	l.by.write(&k, w.exchange(caller{}))
	load, err := c.HGet(context.Background(), f.remote.key(l, k.digest()), "n").Int64()
	if used := ceilDiv(load, l.ledger.rule.q); err != nil || used != 150 {
		t.Errorf("the account of all has %d in use, %v; want 150", used, err)
	}
	if f.remote.errors.Value() != 0 {
		t.Errorf("%d calls failed", f.remote.errors.Value())
	}
}

// startCluster makes a cluster of three masters and returns their addresses.
func startCluster(t *testing.T) (addrs []string) {
	if _, ok := redisBinary(t); !ok {
		t.Skip("no redis-server here")
	}
	ctx := context.Background()
	var nodes []*redis.Client
	for i := range 3 {
		s := startServer(t, "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", fmt.Sprint(freePort(t)))
		c := redis.NewClient(&redis.Options{Addr: s.addr})
		t.Cleanup(func() { _ = c.Close() })
		addrs, nodes = append(addrs, s.addr), append(nodes, c)
		from, to := i*16384/3, (i+1)*16384/3-1
		if err := c.ClusterAddSlotsRange(ctx, from, to).Err(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := nodes[0].ClusterNodes(ctx).Result()
	if err != nil {
		t.Fatal(err)
	}
	_, bus, _ := strings.Cut(strings.Fields(info)[1], "@")
	host, port, _ := net.SplitHostPort(addrs[0])
	for _, c := range nodes[1:] {
		if err := c.Do(ctx, "cluster", "meet", host, port, strings.Split(bus, ",")[0]).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range nodes {
		eventually(t, "the cluster is whole", func() bool {
			info, err := c.ClusterInfo(ctx).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	return addrs
}

// TestSentinelFailover: the master dies; meanwhile the replica's share holds, then the new master goes on where the old
// one was.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	master := realRedis(t)
	follower := startServer(t, "--replicaof", strings.Replace(master.addr, ":", " ", 1))
	sentinel := startSentinel(t, master.addr)
	w := newTester(t)
	w.env.Now = time.Now
	cfg := Redis{Addresses: []string{sentinel.addr}, Mode: Sentinel, Master: "main", Prefix: "blaze", Timeout: 500 * time.Millisecond}
	f := w.replica(cfg, Limit{Name: "x", By: by("user"), Algorithm: FixedWindow, Limit: 100, Per: 500 * time.Hour})
	eventually(t, "redis is seen", func() bool { return !f.remote.broken.Load() })
	total := w.admitted(f, 40, caller{subject: "ann"})
	c := redis.NewClient(&redis.Options{Addr: follower.addr})
	defer c.Close()
	eventually(t, "the sentinel knows the follower", func() bool {
		keys, err := c.DBSize(context.Background()).Result()
		return err == nil && keys > 0 && sentinelSees(sentinel.addr)
	})
	master.kill()
	total += w.admitted(f, 40, caller{subject: "ann"})
	eventually(t, "the new master is asked", func() bool {
		role, err := c.Do(context.Background(), "role").Slice()
		return err == nil && role[0] == "master" && !f.remote.broken.Load()
	})
	total += w.admitted(f, 100, caller{subject: "ann"})
	if total != 100 {
		t.Errorf("%d admitted over a failover; want 100", total)
	}
}

func startSentinel(t *testing.T, master string) *server {
	t.Helper()
	host, port, _ := net.SplitHostPort(master)
	s := &server{addr: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	_, own, _ := net.SplitHostPort(s.addr)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("port %s\nbind 127.0.0.1\nsentinel monitor main %s %s 1\nsentinel down-after-milliseconds main 300\nsentinel failover-timeout main 2000\n", own, host, port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{conf, "--sentinel"}
	s.start(t)
	t.Cleanup(s.kill)
	return s
}

// sentinelSees says whether the sentinel has found the follower.
func sentinelSees(addr string) bool {
	c := redis.NewSentinelClient(&redis.Options{Addr: addr})
	defer c.Close()
	replicas, err := c.Replicas(context.Background(), "main").Result()
	return err == nil && len(replicas) == 1
}
