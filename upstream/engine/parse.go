package engine

// frame is one open object or array.
type frame struct {
	spec   *spec
	object uint32 // the object's serial in keyTable; 0 for an array
	param  int32  // index into Params of the value that this is, -1 for none
	n      int32  // members or elements so far
	off    uint32 // of the bracket
}

// maxKey bounds a key, in bytes as sent: paths and sentences are keys now and then, pages are not.
const maxKey = 4 << 10

// Parse reads body, which must stay unchanged as long as d is used. It is one pass without recursion; a warm d
// allocates nothing. The error is a *SyntaxError.
func (d *Document) Parse(shape Shape, body []byte, limits Limits) error {
	d.reset(shape, body, limits)
	if uint64(len(body)) > 1<<31 {
		return beyond(0, "body is too long")
	}
	root := specs[shape]
	d.Stream = root.streams
	at := skipSpace(body, 0)
	if at == len(body) || body[at] != '{' {
		return broken(at, "body is not a JSON object")
	}
	at, err := d.open(at, root, -1)
	for err == nil && len(d.stack) > 0 {
		at, err = d.step(at)
	}
	if err != nil {
		return err
	}
	if at = skipSpace(body, at); at < len(body) {
		return broken(at, "data after the JSON object")
	}
	return nil
}

// open enters the object or array at off.
func (d *Document) open(off int, s *spec, param int32) (int, error) {
	if len(d.stack) >= d.limits.Depth {
		return off, beyond(off, "json.max_depth: nested too deeply")
	}
	f := frame{spec: s, param: param, off: uint32(off)}
	if d.Body[off] == '{' {
		f.object = d.seen.open()
	}
	d.stack = append(d.stack, f)
	return off + 1, nil
}

// step reads one member or element of the innermost open container, or its end.
func (d *Document) step(at int) (int, error) {
	f := &d.stack[len(d.stack)-1]
	body := d.Body
	at = skipSpace(body, at)
	if at == len(body) {
		return at, broken(at, "JSON ends early")
	}
	if c := body[at]; c == '}' && f.object != 0 || c == ']' && f.object == 0 {
		return d.close(at)
	}
	if f.n > 0 {
		if body[at] != ',' {
			return at, broken(at, "a comma is missing")
		}
		if at = skipSpace(body, at+1); at == len(body) {
			return at, broken(at, "JSON ends early")
		}
	}
	f.n++
	if f.object == 0 {
		return d.value(at, f.spec.element())
	}
	s, at, err := d.member(at, f)
	if err != nil {
		return at, err
	}
	return d.value(at, s)
}

// close leaves the innermost container, which ends at the bracket at.
func (d *Document) close(at int) (int, error) {
	f := d.stack[len(d.stack)-1]
	d.stack = d.stack[:len(d.stack)-1]
	if f.param >= 0 {
		p := &d.Params[f.param]
		p.Len, p.Count = uint32(at)+1-p.Off, f.n
	}
	d.ended(at + 1)
	return at + 1, nil
}

// ended notes the end of a value when it is a top-level member's.
func (d *Document) ended(at int) {
	if len(d.stack) == 1 {
		f := &d.Fields[len(d.Fields)-1]
		f.ValLen = uint32(at) - f.ValOff
	}
}

// member reads a key and its colon, and returns what is expected at the value.
func (d *Document) member(at int, f *frame) (*spec, int, error) {
	body, off := d.Body, at+1
	if body[at] != '"' {
		return nil, at, broken(at, "an object key is missing")
	}
	end, escaped, err := d.str(off)
	if err != nil {
		return nil, end, err
	}
	if d.keys++; d.keys > d.limits.Keys {
		return nil, off, beyond(off, "json.max_keys: too many keys")
	}
	if end-off > maxKey {
		return nil, off, beyond(off, "json.max_string: a key is too long")
	}
	name := body[off:end]
	if escaped {
		d.scratch = Unescape(d.scratch[:0], name)
		name = d.scratch
	}
	d.Values = append(d.Values, Value{Off: uint32(off), Len: uint32(end - off), Kind: Key, Escaped: escaped})
	if !d.seen.add(d, f.object, uint32(len(d.Values)-1), name) {
		return nil, off, broken(off, "a key appears twice")
	}
	s, known := f.spec.member(name)
	d.Values[len(d.Values)-1].Known = known
	if s == nil {
		return nil, off, broken(off, "a key differs from a known one by case alone")
	}
	if s == unknown && string(name) == "__proto__" { // to JavaScript it is no key like others
		return nil, off, broken(off, "a key that changes what it is merged into")
	}
	if at = skipSpace(body, end+1); at == len(body) || body[at] != ':' {
		return nil, at, broken(at, "a colon is missing")
	}
	if at = skipSpace(body, at+1); at == len(body) {
		return nil, at, broken(at, "JSON ends early")
	}
	if len(d.stack) == 1 {
		d.Fields = append(d.Fields, Field{KeyOff: uint32(off), KeyLen: uint32(end - off), ValOff: uint32(at), Type: typeOf(body[at])})
	}
	return s, at, nil
}

// value reads the value at at, or enters it.
func (d *Document) value(at int, s *spec) (int, error) {
	c := d.Body[at]
	param := int32(-1)
	if s.param != 0 {
		d.Params = append(d.Params, Param{ID: s.param, Off: uint32(at), Type: typeOf(c)})
		param = int32(len(d.Params) - 1)
	}
	if s.strict && c != '"' && c != 'n' {
		return at, broken(at, "a name is not a string")
	}
	if c == '{' || c == '[' {
		return d.open(at, s, param)
	}
	end, err := at, error(nil)
	if c == '"' {
		end, err = d.text(at, s)
	} else {
		end, err = d.literal(at, s)
	}
	if err != nil {
		return end, err
	}
	if param >= 0 {
		p := &d.Params[param]
		p.Len, p.Count = uint32(end)-p.Off, 1
	}
	d.ended(end)
	return end, nil
}

// text reads the string value at at and returns where it ends, behind its quote.
func (d *Document) text(at int, s *spec) (int, error) {
	off := at + 1
	end, escaped, err := d.str(off)
	if err != nil {
		return end, err
	}
	if end > off {
		kind := s.str
		if kind == 0 {
			kind = Structure
		}
		if kind == Text {
			d.TextBytes += end - off
		}
		d.Values = append(d.Values, Value{Off: uint32(off), Len: uint32(end - off), Kind: kind, Escaped: escaped})
		if s.sink != 0 {
			d.sinkString(s.sink, d.Body[off:end], escaped)
		}
	}
	return end + 1, nil
}

// literal reads a number, true, false or null.
func (d *Document) literal(at int, s *spec) (int, error) {
	end, err := at, error(nil)
	switch c := d.Body[at]; c {
	case 't':
		end, err = d.word(at, "true")
	case 'f':
		end, err = d.word(at, "false")
	case 'n':
		end, err = d.word(at, "null")
	default:
		end, err = d.number(at)
	}
	if err == nil && s.sink != 0 {
		d.sinkLiteral(s.sink, d.Body[at:end])
	}
	return end, err
}

func (d *Document) word(at int, word string) (int, error) {
	if len(d.Body)-at < len(word) || string(d.Body[at:at+len(word)]) != word {
		return at, broken(at, "not a JSON value")
	}
	return at + len(word), nil
}

// number reads a number by the grammar of RFC 8259, 6: no leading zero or plus, digits on both sides of the point.
func (d *Document) number(at int) (int, error) {
	b, i := d.Body, at
	digits := func() bool {
		from := i
		for i < len(b) && b[i]-'0' < 10 {
			i++
		}
		return i > from
	}
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return at, broken(at, "not a JSON value")
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return at, broken(at, "not a JSON number")
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return at, broken(at, "not a JSON number")
		}
	}
	if i-at > d.limits.Number {
		return at, beyond(at, "json.max_number: a number is too long")
	}
	return i, nil
}

func typeOf(c byte) byte {
	switch c {
	case '{', '[', '"', 't', 'f', 'n':
		return c
	}
	return 0
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}
