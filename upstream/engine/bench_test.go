package engine

import (
	"strings"
	"testing"
)

// prose is a chat whose one message is long.
func prose(size int) []byte {
	const words = "The quick brown fox jumps over the lazy dog, and then it goes home to write a long letter about it.\\n"
	return []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat(words, size/len(words)+1) + `"}]}`)
}

func benchParse(b *testing.B, body []byte) {
	var d Document
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Parse(Chat, body, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseSmallChat(b *testing.B) { benchParse(b, []byte(chatBody)) }
func BenchmarkParseProse64K(b *testing.B)  { benchParse(b, prose(64<<10)) }
func BenchmarkParseJapanese(b *testing.B) {
	benchParse(b, []byte(`{"messages":[{"role":"user","content":"`+strings.Repeat("吾輩は猫である。名前はまだ無い。", 1000)+`"}]}`))
}
func BenchmarkParseManyKeys(b *testing.B) {
	benchParse(b, []byte(`{"metadata":{`+manyKeys(5000)+`}}`))
}

func BenchmarkEstimate(b *testing.B) {
	text := prose(16 << 10)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		EstimateTokens(text)
	}
}

func BenchmarkMeterEvents(b *testing.B) {
	frame := []byte("data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"finish_reason\":null}]}\n\n")
	var m Meter
	m.Reset(Chat, Events)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		m.Feed(frame)
	}
}
