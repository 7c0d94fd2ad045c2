package detect

import "slices"

// Rules lists every rule, most certain first within a class. The list is made anew at each call.
func Rules() []Rule {
	return slices.Concat(sqlRules(), xssRules(), pathRules(), commandRules(), codeRules(), lookupRules(), agentRules(), controlRules())
}
