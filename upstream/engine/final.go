package engine

import (
	"bytes"
	"encoding/json"
)

// AppendFinal appends what ends a stream legally at a cap on its tokens, in the words of the shape: a last chunk whose
// reason is the length, the usage where the client asked for it, and the end mark. last is the last frame that carried
// output; its id, model and time are taken over. A shape without a form of its own gets nothing: its stream just ends.
func AppendFinal(dst []byte, shape Shape, last []byte, usage Usage, withUsage bool) []byte {
	var head chunkHead
	_ = json.Unmarshal(frameData(last), &head) // a frame that cannot be read gives an anonymous end
	switch shape {
	case Chat, Completions:
		return appendOpenAIFinal(dst, shape, &head, usage, withUsage)
	case Messages:
		delta := map[string]any{
			"type":  "message_delta",
			"delta": map[string]any{"stop_reason": "max_tokens", "stop_sequence": nil},
			"usage": map[string]any{"output_tokens": usage.Output},
		}
		dst = appendEvent(dst, "content_block_stop", map[string]any{"type": "content_block_stop", "index": head.Index})
		dst = appendEvent(dst, "message_delta", delta)
		return appendEvent(dst, "message_stop", map[string]any{"type": "message_stop"})
	case OllamaChat, OllamaGenerate:
		end := map[string]any{
			"model": head.Model, "created_at": head.CreatedAt, "done": true, "done_reason": "length",
			"prompt_eval_count": usage.Input, "eval_count": usage.Output,
		}
		if shape == OllamaChat {
			end["message"] = map[string]any{"role": "assistant", "content": ""}
		} else {
			end["response"] = ""
		}
		b, _ := json.Marshal(end)
		return append(append(dst, b...), '\n')
	case LlamaCompletion:
		return appendEvent(dst, "", map[string]any{
			"index": head.Index, "content": "", "tokens": []int{}, "stop": true, "stop_type": "limit", "model": head.Model,
			"tokens_predicted": usage.Output, "tokens_evaluated": usage.Input, "truncated": false,
		})
	}
	return dst
}

// chunkHead is what a stream's chunks have in common.
type chunkHead struct {
	ID        string          `json:"id"`
	Object    string          `json:"object"`
	Created   json.RawMessage `json:"created"`
	Model     string          `json:"model"`
	CreatedAt string          `json:"created_at"`
	Index     int             `json:"index"`
}

type openAIChunk struct {
	ID      string           `json:"id"`
	Object  string           `json:"object"`
	Created json.RawMessage  `json:"created"`
	Model   string           `json:"model"`
	Choices []map[string]any `json:"choices"`
	Usage   map[string]any   `json:"usage,omitempty"`
}

func appendOpenAIFinal(dst []byte, shape Shape, head *chunkHead, usage Usage, withUsage bool) []byte {
	if len(head.Created) == 0 {
		head.Created = json.RawMessage("0")
	}
	choice := map[string]any{"index": 0, "finish_reason": "length", "delta": map[string]any{}}
	if shape == Completions {
		choice = map[string]any{"index": 0, "finish_reason": "length", "text": ""}
	}
	c := openAIChunk{ID: head.ID, Object: head.Object, Created: head.Created, Model: head.Model, Choices: []map[string]any{choice}}
	dst = appendEvent(dst, "", c)
	if withUsage {
		c.Choices = []map[string]any{}
		c.Usage = map[string]any{"prompt_tokens": usage.Input, "completion_tokens": usage.Output, "total_tokens": usage.Input + usage.Output}
		dst = appendEvent(dst, "", c)
	}
	return append(dst, "data: [DONE]\n\n"...)
}

func appendEvent(dst []byte, name string, v any) []byte {
	if name != "" {
		dst = append(append(append(dst, "event: "...), name...), '\n')
	}
	b, _ := json.Marshal(v)
	return append(append(append(dst, "data: "...), b...), "\n\n"...)
}

// frameData is the JSON in a frame: an event's first data line, or the line itself.
func frameData(frame []byte) []byte {
	if _, data, ok := bytes.Cut(frame, []byte("data:")); ok {
		data, _, _ = bytes.Cut(data, []byte{'\n'})
		return bytes.TrimSpace(data)
	}
	return bytes.TrimSpace(frame)
}
