package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

type chatRequest struct {
	Model    string `json:"model"`
	Messages []struct {
		Role    string  `json:"role"`
		Content content `json:"content"`
	} `json:"messages"`
	Stream        bool          `json:"stream"`
	StreamOptions streamOptions `json:"stream_options"`
	MaxTokens     int           `json:"max_tokens"`
	MaxCompletion int           `json:"max_completion_tokens"`
	N             int           `json:"n"`
	Stop          strs          `json:"stop"`
	Tools         []struct {
		Function function `json:"function"`
	} `json:"tools"`
	ToolChoice   json.RawMessage `json:"tool_choice"`
	Functions    []function      `json:"functions"` // the form before tools
	FunctionCall json.RawMessage `json:"function_call"`
}

type function struct {
	Name string `json:"name"`
}

// message is an answer's message, and a stream's delta.
type message struct {
	Role         string        `json:"role,omitempty"`
	Content      *string       `json:"content,omitempty"`
	ToolCalls    []toolCall    `json:"tool_calls,omitempty"`
	FunctionCall *functionCall `json:"function_call,omitempty"`
}

type toolCall struct {
	Index    *int         `json:"index,omitempty"` // in streams only
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function functionCall `json:"function"`
}

type functionCall struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

// chatAnswer is what is to be said: a text, or a call of a function.
type chatAnswer struct {
	speech
	call   string // the function's name, or empty
	legacy bool   // called by function_call instead of tool_calls
}

func (s *Server) chat(w http.ResponseWriter, r *http.Request, c *call) {
	var q chatRequest
	if !s.decode(w, c, &q, &q.Model) {
		return
	}
	if len(q.Messages) == 0 {
		fail(w, 400, "messages", "invalid_request", "messages: want at least one")
		return
	}
	var all []string
	for _, m := range q.Messages {
		all = append(all, string(m.Content))
	}
	n := max(q.N, 1)
	a := q.answer(c)
	u := account(strings.Join(all, " "), n*len(a.tokens))
	e := envelope{ID: fmt.Sprintf("chatcmpl-demo-%d", c.number), Created: s.opts.Now().Unix(), Model: q.Model, Fingerprint: fingerprint}
	if q.Stream {
		if q.StreamOptions.IncludeUsage {
			e.Usage = &u
		}
		streamChat(s.events(w, r, c), e, a, n)
		return
	}
	for i := range n {
		e.Choices = append(e.Choices, chatChoice{Index: i, Message: a.message(), Finish: &a.finish})
	}
	e.Object, e.Usage = "chat.completion", &u
	s.plain(w, r, c, e)
}

// answer decides what to say. A function is called when the last message is the user's and a function may be called.
func (q *chatRequest) answer(c *call) chatAnswer {
	last := q.Messages[len(q.Messages)-1]
	name, legacy := q.function()
	if name != "" && last.Role == "user" {
		args, _ := json.Marshal(map[string]string{"input": string(last.Content)})
		finish := "tool_calls"
		if legacy {
			finish = "function_call"
		}
		return chatAnswer{speech{tokens(string(args)), finish}, name, legacy}
	}
	limit := q.MaxCompletion
	if limit == 0 {
		limit = q.MaxTokens
	}
	if c.Overrun {
		limit = 0
	}
	return chatAnswer{speech: say(string(last.Content), c.Tokens, limit, q.Stop)}
}

// function is the one to call: the one that the choice names, else the first; none where the choice is none.
func (q *chatRequest) function() (name string, legacy bool) {
	choice := q.ToolChoice
	if len(q.Tools) == 0 {
		if len(q.Functions) == 0 {
			return "", false
		}
		choice, name, legacy = q.FunctionCall, q.Functions[0].Name, true
	} else {
		name = q.Tools[0].Function.Name
	}
	if string(choice) == `"none"` {
		return "", false
	}
	var named struct {
		Name     string
		Function function
	}
	if json.Unmarshal(choice, &named) == nil && named.Name+named.Function.Name != "" {
		name = named.Name + named.Function.Name
	}
	return name, legacy
}

const callID = "call_demo_1"

func (a chatAnswer) message() *message {
	text := a.text()
	switch {
	case a.call == "":
		return &message{Role: "assistant", Content: &text}
	case a.legacy:
		return &message{Role: "assistant", FunctionCall: &functionCall{a.call, text}}
	}
	return &message{Role: "assistant", ToolCalls: []toolCall{{ID: callID, Type: "function", Function: functionCall{a.call, text}}}}
}

// opening is a stream's first delta: the role, and the name of what is called.
func (a chatAnswer) opening() *message {
	m, empty, first := a.message(), "", 0
	switch {
	case a.call == "":
		m.Content = &empty
	case a.legacy:
		m.FunctionCall.Arguments = ""
	default:
		m.ToolCalls[0].Index, m.ToolCalls[0].Function.Arguments = &first, ""
	}
	return m
}

// delta is a stream's delta for one token.
func (a chatAnswer) delta(token string) *message {
	first := 0
	switch {
	case a.call == "":
		return &message{Content: &token}
	case a.legacy:
		return &message{FunctionCall: &functionCall{Arguments: token}}
	}
	return &message{ToolCalls: []toolCall{{Index: &first, Function: functionCall{Arguments: token}}}}
}

type chatChoice struct {
	Index   int      `json:"index"`
	Message *message `json:"message,omitempty"`
	Delta   *message `json:"delta,omitempty"` // in streams
	Finish  *string  `json:"finish_reason"`
}

// streamChat sends, for each choice, its opening, one frame a token, and its finish; then the usage, where e has one.
func streamChat(f *frames, e envelope, a chatAnswer, n int) {
	u := e.Usage
	e.Object, e.Usage = "chat.completion.chunk", nil
	chunk := func(i int, delta *message, finish *string) bool {
		e.Choices = []any{chatChoice{Index: i, Delta: delta, Finish: finish}}
		return f.event(e)
	}
	for i := range n {
		if !chunk(i, a.opening(), nil) {
			return
		}
		for _, token := range a.tokens {
			if !chunk(i, a.delta(token), nil) {
				return
			}
		}
		if !chunk(i, &message{}, &a.finish) {
			return
		}
	}
	f.usage(e, u)
}
