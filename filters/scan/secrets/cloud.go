package secrets

// cloudKinds are the keys of the large clouds.
func cloudKinds() []Kind {
	return []Kind{
		token{prefixes: []string{"AKIA", "ASIA", "ABIA", "ACCA"}, set: set("A-Z2-7"), least: 16, most: 16, check: various}.kind("aws_access_key", "an AWS access key id (base 32)",
			[]string{"«AKIAIOSFODNN7EXAMPLE»", `"«ASIAY34FZKBOKMUTVV7A»"`}, []string{"AKIAIOSFODNN7EXAMPLES", "AKIA", "ASIA AND EUROPE", "AKIAAAAAAAAAAAAAAAAA"}),
		{ID: "aws_secret_key", Class: Secret, Why: "an AWS secret access key, where it is called one", begins: []string{"se", "Se", "SE"}, match: awsSecret,
			Hits:   []string{"aws_secret_access_key = «wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»", `"SecretAccessKey": "«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»"`},
			Misses: []string{"sha1: da39a3ee5e6b4b0d3255bfef95601890afd80709", "secret_access_key = YOUR_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "secret_key: da39a3ee5e6b4b0d3255bfef95601890afd80709"}},
		token{prefixes: []string{"ABSK"}, set: base64s, least: 100}.kind("aws_bedrock_key", "a long-lived Bedrock key",
			[]string{"«ABSKQmVkcm9ja0FQSUtleS1hYmNkZWZnaGlqa2xtbm9wLWF0LTEyMzQ1Njc4OTAxMjphQjNkRTVnSDdqSzltTjFwUTJzVHVWNHhZNnpBOGNEMGVGMmdINGlKNmtMOG1O»"}, []string{"ABSK"}),
		token{prefixes: []string{"AIza"}, set: wordSet, least: 35, most: 35, check: various}.kind("gcp_api_key", "a Google API key",
			[]string{"«AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe»"}, []string{"AIzaSy", "AIzaSyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQeXX"}),
		token{prefixes: []string{"ya29."}, set: wordSet, least: 30}.kind("gcp_oauth_token", "a Google OAuth access token",
			[]string{"«ya29.a0AfH6SMBx3dE5gH7jK9mN1pQ2sTuV4xY6zA8cD0»"}, []string{"ya29."}),
		token{prefixes: []string{"GOCSPX-"}, set: wordSet, least: 28, most: 28}.kind("gcp_client_secret", "a Google OAuth client secret",
			[]string{"«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»"}, []string{"GOCSPX-short"}),
		{ID: "azure_storage_key", Class: Secret, Why: "the account key in an Azure connection string", begins: []string{"Ac"}, keep: len("AccountKey="), match: azureKey,
			Hits:   []string{"AccountName=x;AccountKey=«Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==»;EndpointSuffix=core.windows.net"},
			Misses: []string{"AccountKey=<key>", "AccountKey="}},
		{ID: "azure_client_secret", Class: Secret, Why: "a secret of Microsoft Entra ID; its first five characters, which are not random enough, stay", begins: []string{"~"}, match: azureSecret,
			Hits: []string{"client_secret: abc8Q«~dE5gH7jK9mN1pQ2sTuV4xY6zA8cD0eF2g»"}, Misses: []string{"8Q~", "IQ 8Q~ short", "a8Q~dE5gH7jK9mN1pQ2sTuV4xY6zA8cD0eF2g"}},
	}
}

// awsSecret wants secret access key in one of the ways to write it, a sign or two, and forty characters of base 64 that
// are no hash.
func awsSecret(t *text, i int) (int, answer) {
	from := i
	for n, word := range [...]string{"secret", "access", "key"} {
		next, a := t.word(from, word)
		if a == no && n == 1 {
			continue // secret key will do
		}
		if a != yes {
			return 0, a
		}
		from = next
	}
	from, open := t.run(from, assignSet, 16)
	if open {
		return 0, more
	}
	end, open := t.run(from, base64s, 41)
	body := t.b[from:end]
	switch {
	case open:
		return 0, more
	case len(body) != 40 || !hasDigit(body) || !hasUpper(body):
		return 0, no
	}
	t.keep = from - i
	return end, yes
}

var assignSet = set(" \t\"'`:=>\\n")

// word passes over word, in any case, and one sign or blank behind it.
func (t *text) word(i int, word string) (next int, a answer) {
	for j := range len(word) {
		if i+j == len(t.b) {
			if t.end {
				return 0, no
			}
			return 0, more
		}
		if t.b[i+j]|0x20 != word[j] {
			return 0, no
		}
	}
	next = i + len(word)
	if next < len(t.b) && (t.b[next] == '_' || t.b[next] == '-' || t.b[next] == ' ') {
		return next + 1, yes
	}
	return next, yes
}

func hasUpper(body []byte) bool {
	for _, c := range body {
		if upper[c] {
			return true
		}
	}
	return false
}

// azureKey wants 64 bytes in base 64 behind AccountKey= or SharedAccessKey's shorter kin.
func azureKey(t *text, i int) (int, answer) {
	if a := t.prefix(i, "AccountKey="); a != yes {
		return 0, a
	}
	from := i + len("AccountKey=")
	end, open := t.run(from, base64s, 89)
	switch {
	case open:
		return 0, more
	case end-from != 88:
		return 0, no
	}
	return end, yes
}

// azureSecret begins at the ~ behind three characters, a digit and a Q, which every such secret has.
func azureSecret(t *text, i int) (int, answer) {
	if i < 5 || t.b[i-1] != 'Q' || !digit[t.b[i-2]] || !secretSet[t.b[i-3]] || !secretSet[t.b[i-4]] || !secretSet[t.b[i-5]] {
		return 0, no
	}
	end, open := t.run(i+1, secretSet, 35)
	switch {
	case open:
		return 0, more
	case end-i-1 < 31 || end-i-1 > 34:
		return 0, no
	}
	return end, yes
}

var secretSet = set("a-zA-Z0-9_~.-")
