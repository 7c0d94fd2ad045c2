package injection

import (
	"fmt"
	"strings"
	"testing"
)

const prose = `Write a short story about a lighthouse keeper who finds a letter in a bottle. The letter should be from a child on the
other side of the ocean, and the keeper should decide to answer it. Use vivid descriptions of the sea and keep the tone warm.
Then give me three titles to choose from, and explain in one sentence each why they fit. Do not use the word "lonely". `

// BenchmarkText shows the cost by length; the figures are in bench/README.md.
func BenchmarkText(b *testing.B) {
	s, l := Default(), &Look{}
	for _, lang := range []struct{ name, text string }{{"en", prose}, {"ru", "Напишите короткий рассказ о смотрителе маяка, который находит письмо в бутылке на берегу моря. "}, {"zh", "请写一个关于灯塔看守人的短篇故事，他在海边发现了一封装在瓶子里的信。"}} {
		for _, size := range []int{256, 1 << 10, 32 << 10, 1 << 20} {
			text := []byte(strings.Repeat(lang.text, size/len(lang.text)+1)[:size])
			b.Run(fmt.Sprintf("%s/%d", lang.name, size), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					l.Begin(s)
					l.Open(false)
					l.Text(text)
					l.Close()
				}
			})
		}
	}
}
