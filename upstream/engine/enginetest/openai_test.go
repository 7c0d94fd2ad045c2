package enginetest_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	sdk "github.com/openai/openai-go/v3/responses"

	"blaze/upstream/engine"
)

// TestShapesKnowTheOfficialClient: what the official client can send is known, so that unknown: deny refuses nobody who uses it.
func TestShapesKnowTheOfficialClient(t *testing.T) {
	f := func(shape engine.Shape, params any, atLeast int) {
		t.Helper()
		typ, n := reflect.TypeOf(params), 0
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			n++
			if !shape.Knows([]byte(name)) {
				t.Errorf("%v: %s of %v is not known", shape, name, typ)
			}
		}
		if n < atLeast {
			t.Errorf("%v: only %d fields in %v", shape, n, typ)
		}
	}
	f(engine.Chat, openai.ChatCompletionNewParams{}, 25)
	f(engine.Completions, openai.CompletionNewParams{}, 12)
	f(engine.Embeddings, openai.EmbeddingNewParams{}, 4)
	f(engine.Embeddings, openai.ModerationNewParams{}, 2)
	f(engine.Responses, sdk.ResponseNewParams{}, 20)
	f(engine.Speech, openai.AudioSpeechNewParams{}, 5)
	f(engine.Images, openai.ImageGenerateParams{}, 8)
	f(engine.Images, openai.ImageEditParams{}, 8)
	f(engine.Transcription, openai.AudioTranscriptionNewParams{}, 6)
}
