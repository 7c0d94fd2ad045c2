package detect

// sentence reports whether text is a sentence: at least six words, of which the first four are letters alone, and nothing
// that only SQL, HTML, a shell or a program would write.
func sentence(text []byte) bool {
	words, letters := 0, true
	for i, c := range text {
		switch {
		case c == ' ':
			if i > 0 && text[i-1] != ' ' {
				words++
			}
		case c >= 'a' && c <= 'z', c >= 0x80:
		case c == ',' && i+1 < len(text) && text[i+1] == ' ':
		case c == '-' && i+1 < len(text) && text[i+1] == '-', c == '.' && i+1 < len(text) && text[i+1] == '.':
			return false
		case c == ';' || c == '|' || c == '&' || c == '$' || c == '<' || c == '>' || c == '{' || c == '}' || c == '`' || c == '=' || c == '%' || c == '\\' || c == '#' || c == '*' || c < ' ':
			return false
		default:
			letters = letters && words > 3
		}
	}
	return letters && words >= 5
}
