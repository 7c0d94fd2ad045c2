package injection

// Rule is one sign of an injection, as data. The tests of this package hold every rule against its own examples.
type Rule struct {
	ID  string
	Why string
	// Points are what it adds to the sum, in tenths of a logit; once a message, however often it is found.
	Points int
	// Tool rules speak only in what a tool returned: a person may well ask a question or give an order.
	Tool bool
	// Say are phrases: steps that follow each other. A step is a word, words divided by | of which one is enough, or @list
	// for a list of lists(). Words joined with _ stand next to each other; a word of eight bytes and more that ends in *
	// begins with them. Two words may stand between steps, none where + is between them, eight where ... is.
	Say []string
	// Literals are found as they stand, in any case of ASCII. Each holds a word.
	Literals []string
	// Mark is set for a rule that no words can say.
	Mark Mark
	// Hits and Misses are examples: texts in which the rule is found, and texts in which no rule is.
	Hits, Misses []string
}

// Mark is a sign that the form of a text gives. Each belongs to one rule.
type Mark uint8

// The marks.
const (
	Tags    Mark = iota + 1 // letters of the invisible tags block
	Bidi                    // characters that turn the direction of writing
	Hidden                  // blanks of no width among letters
	Styled                  // letters from the mathematical or full-width alphabets, or spaced out
	Encoded                 // base64 or hexadecimal that holds what a rule finds
	Image                   // a picture whose address takes data along
	Kept                    // asks about what the system prompt keeps back; points by how much
	marks
)
