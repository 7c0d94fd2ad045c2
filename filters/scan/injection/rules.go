package injection

import "slices"

// Rules lists every rule. The list is made anew at each call.
func Rules() []Rule {
	return slices.Concat(overrideRules(), extractionRules(), personaRules(), forgeryRules(), hiddenRules(), toolRules())
}
