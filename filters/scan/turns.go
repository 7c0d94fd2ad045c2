package scan

import (
	"bytes"

	"blaze/upstream/engine"
)

// speaker says who speaks in a message.
type speaker uint8

const (
	user speaker = iota // and whoever is not known
	tool
	assistant
	system
	developer
	speakers
)

var speakerNames = [speakers]string{"user", "tool", "assistant", "system", "developer"}

// turn is what one speaker says: the values of a message, of a tool's definition, or one text that stands alone.
type turn struct {
	from, to int // in Document.Values
	by       speaker
}

// offset is where the turn's first text is.
func (t *turn) offset(d *engine.Document) uint32 {
	for i := t.from; i < t.to; i++ {
		if d.Values[i].Kind == engine.Text {
			return d.Values[i].Off
		}
	}
	return d.Values[t.from].Off
}

// turns divides a body into turns. A turn is an object in an array that is a member of the body (messages[0]), or a text
// elsewhere. Between two values stand only brackets, so that the nesting is known without parsing again.
type turns struct {
	list  []turn
	depth int
	field member
	open  bool // the last turn of list goes on
	key   byte // 'r' when a role's value comes next, 't' a type's
}

// member is what is known of the member of the body that is being read.
type member uint8

const (
	anyField     member = iota
	operators           // the operator's: system, instructions
	conversation        // whose objects have roles
)

// messageDepth is the nesting of a message's members.
const messageDepth = 3

func (w *turns) read(d *engine.Document) {
	*w = turns{list: w.list[:0]}
	end := 0
	for i := range d.Values {
		v := &d.Values[i]
		w.brackets(d.Body[end:v.Off-1], i)
		end = int(v.Off+v.Len) + 1
		text := d.Body[v.Off : v.Off+v.Len]
		switch {
		case v.Kind == engine.Key:
			w.name(text)
			continue
		case w.open:
			w.speaks(text)
		case v.Kind == engine.Text:
			w.list = append(w.list, turn{from: i, to: i + 1, by: w.owner()})
		}
		w.key = 0
	}
	w.close(len(d.Values))
}

// brackets follows the nesting up to the value i.
func (w *turns) brackets(between []byte, i int) {
	for _, c := range between {
		switch c {
		case '{', '[':
			if w.depth++; c == '{' && w.depth == messageDepth {
				w.list = append(w.list, turn{from: i, by: w.owner()})
				w.open = true
			}
			w.key = 0
		case '}', ']':
			if w.depth == messageDepth {
				w.close(i)
			}
			w.depth--
		}
	}
}

func (w *turns) close(i int) {
	if w.open {
		w.list[len(w.list)-1].to = i
		w.open = false
	}
}

// owner is who speaks where nobody says so.
func (w *turns) owner() speaker {
	if w.field == operators {
		return system
	}
	return user
}

// name reads a key. One that is written with escapes is no key of ours: its value is judged as anybody's.
func (w *turns) name(key []byte) {
	w.key = 0
	switch {
	case w.depth == 1:
		switch string(key) {
		case "system", "instructions":
			w.field = operators
		case "messages", "input":
			w.field = conversation
		default:
			w.field = anyField
		}
	case w.field != conversation || !w.open:
	case string(key) == "type":
		w.key = 't'
	case w.depth == messageDepth && string(key) == "role":
		w.key = 'r'
	}
}

// speaks reads a value in a message, which may say who speaks.
func (w *turns) speaks(value []byte) {
	t := &w.list[len(w.list)-1]
	switch {
	case w.key == 'r':
		t.by = speakerOf(value, t.by)
	case w.key == 't' && isOutput(value):
		t.by = tool
	case w.key == 't' && w.depth == messageDepth && t.by == user && isCall(value):
		t.by = assistant
	}
}

func speakerOf(role []byte, before speaker) speaker {
	switch string(role) {
	case "system":
		return system
	case "developer":
		return developer
	case "assistant", "model":
		return assistant
	case "tool", "function":
		return tool
	}
	return before
}

// isOutput reports whether a type is a tool's output: Anthropic's tool_result, OpenAI's function_call_output and its like.
func isOutput(kind []byte) bool {
	return string(kind) == "tool_result" || bytes.HasSuffix(kind, []byte("_call_output")) || string(kind) == "web_search_tool_result"
}

// isCall reports whether a type is the model's own: a call, or what it thought.
func isCall(kind []byte) bool {
	return string(kind) == "function_call" || string(kind) == "custom_tool_call" || string(kind) == "reasoning"
}
