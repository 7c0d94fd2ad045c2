package secrets

import "hash/crc32"

// token is a key with an issuer's prefix. least and most count the bytes behind the prefix; a most of 0 lets it go on as
// long as bytes of its set follow.
type token struct {
	prefixes    []string
	set         *[256]bool
	least, most int
	check       func(body []byte) bool // over all of a bounded token, over the first least bytes of another; nil passes
}

func (k token) kind(id, why string, hits, misses []string) Kind {
	out := Kind{ID: id, Class: Secret, Why: why, Hits: hits, Misses: misses, match: k.match}
	for _, p := range k.prefixes {
		out.begins = append(out.begins, p[:2])
	}
	if k.most == 0 {
		in := k.set
		out.tail = func(_ uint16, c byte) (uint16, bool) { return 0, in[c] }
	}
	return out
}

func (k token) match(t *text, i int) (int, answer) {
	pending := false
	for _, p := range k.prefixes {
		switch t.prefix(i, p) {
		case more:
			pending = true
		case yes:
			if end, a := k.body(t, i+len(p)); a != no {
				return end, a
			}
		}
	}
	if pending {
		return 0, more
	}
	return 0, no
}

func (k token) body(t *text, i int) (int, answer) {
	look := k.least
	if k.most > 0 {
		look = k.most + 1
	}
	end, open := t.run(i, k.set, look)
	n := end - i
	switch {
	case open:
		return 0, more
	case n < k.least || k.most > 0 && n > k.most:
		return 0, no
	case k.check != nil && !k.check(t.b[i:end]):
		return 0, no
	}
	return end, yes
}

// tokenKinds are the keys of those who run code, models and messages.
func tokenKinds() []Kind {
	fixed := func(set *[256]bool, n int, prefixes ...string) token {
		return token{prefixes: prefixes, set: set, least: n, most: n}
	}
	open := func(set *[256]bool, n int, prefixes ...string) token {
		return token{prefixes: prefixes, set: set, least: n}
	}
	checked := func(k token, check func([]byte) bool) token {
		k.check = check
		return k
	}
	return []Kind{
		checked(fixed(alnum, 36, "ghp_", "gho_", "ghu_", "ghs_", "ghr_"), crcBase62).kind("github_token", "a GitHub token; its last six letters are a CRC-32 of the others",
			[]string{"«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»", "token=«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»."},
			[]string{"ghp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18", "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "ghp_short"}),
		fixed(set("a-zA-Z0-9_"), 82, "github_pat_").kind("github_pat", "a fine-grained GitHub token",
			[]string{"«github_pat_11ABCDEFG0aBcDeFgHiJkL_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW»"}, []string{"github_pat_11ABCDEFG0", "github_pat_"}),
		open(wordSet, 20, "glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-", "glft-", "glimt-", "glagent-", "gloas-").kind("gitlab_token", "a GitLab token",
			[]string{"«glpat-aB3dE5gH7jK9mN1pQ2sT»!"}, []string{"glpat-short", "glpat-<token>"}),
		checked(open(set("a-zA-Z0-9-"), 20, "xoxa-", "xoxb-", "xoxe-", "xoxe.xox", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-1-"), hasDigit).kind("slack_token", "a Slack token",
			[]string{"«xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx»"}, []string{"xoxb-your-token-goes-right-here", "xoxb-"}),
		open(set("a-zA-Z0-9/_"), 30, "hooks.slack.com/services/T", "hooks.slack.com/workflows/T", "discord.com/api/webhooks/", "discordapp.com/api/webhooks/").kind("webhook_url", "a webhook: who knows its address may post",
			[]string{"https://«hooks.slack.com/services/T0123ABCD/B0123ABCD/aBcDeFgHiJkLmNoPqRsTuVwX»"}, []string{"https://hooks.slack.com/services/…", "hooks.slack.com/services/T000"}),
		open(alnum, 16, "sk_live_", "sk_test_", "rk_live_", "rk_test_").kind("stripe_key", "a Stripe secret or restricted key",
			[]string{"«sk_live_4eC39HqLyjWDarjtT1zdp7dc»"}, []string{"pk_live_4eC39HqLyjWDarjtT1zdp7dc", "sk_live_..."}),
		open(set("a-zA-Z0-9+/="), 32, "whsec_").kind("stripe_webhook_secret", "what webhooks are signed with",
			[]string{"«whsec_aB3dE5gH7jK9mN1pQ2sTuV4xY6zA8cD0»"}, []string{"whsec_", "whsec_short"}),
		checked(open(wordSet, 24, "sk-ant-"), hasDigit).kind("anthropic_key", "an Anthropic key",
			[]string{"«sk-ant-api03-aB3dE5gH7jK9mN1pQ2sTuV4xY6zA8cD0-AA»"}, []string{"sk-ant-your-key-goes-in-this-place"}),
		checked(open(wordSet, 24, "sk-proj-", "sk-svcacct-", "sk-admin-", "sk-or-v1-", "sk-lf-"), hasDigit).kind("openai_project_key", "an OpenAI project, service or admin key, and others made like it",
			[]string{"«sk-proj-aB3dE5gH7jK9mN1pQ2sTuV4xY6zA8cD0»"}, []string{"sk-proj-your-key-goes-in-this-place-ok"}),
		checked(open(alnum, 32, "sk-"), mixed).kind("openai_key", "an OpenAI key of the older form, and others made like it",
			[]string{"OPENAI_API_KEY=«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»"}, []string{"sk-learn", "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "task-0123456789abcdef0123456789abcdef01"}),
		checked(open(alnum, 34, "hf_", "api_org_"), mixedOrLetters).kind("huggingface_token", "a Hugging Face token",
			[]string{"«hf_aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH»"}, []string{"hf_hub_download", "hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}),
		checked(fixed(alnum, 36, "npm_"), crcBase62).kind("npm_token", "an npm token; its last six letters are a CRC-32 of the others",
			[]string{"//registry.npmjs.org/:_authToken=«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»"}, []string{"npm_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq16", "npm_config_cache"}),
		open(wordSet, 50, "pypi-AgEIcHlwaS5vcmc", "pypi-AgENdGVzdC5weXBpLm9yZ").kind("pypi_token", "a PyPI token",
			[]string{"«pypi-AgEIcHlwaS5vcmcCJDU3YjM1YjM1LWFiY2QtNGVmMC05YWJjLWRlZjAxMjM0NTY3OAACKlszLCI1»"}, []string{"pypi-AgEIcHlwaS5vcmc", "pypi-server"}),
		fixed(lowerHex, 32, "SK").kind("twilio_key", "a Twilio API key",
			[]string{"«SK0123456789abcdef0123456789abcdef»"}, []string{"AC0123456789abcdef0123456789abcdef", "SK012", "SKILL"}),
		{ID: "sendgrid_key", Class: Secret, Why: "a SendGrid key: two parts of fixed lengths", begins: []string{"SG"}, match: sendgrid,
			Hits: []string{"«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»"}, Misses: []string{"SG.1 is a part", "SG.aB3dE5gH7jK9mN1pQ2sTuV.short"}},
		{ID: "telegram_bot_token", Class: Secret, Why: "a Telegram bot's id and secret", begins: []string{"##"}, match: telegram,
			Hits: []string{"«110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0»"}, Misses: []string{"12:30:45", "110201543:AAHdq", "123456789: all"}},
		fixed(lowerHex, 64, "dop_v1_", "doo_v1_", "dor_v1_").kind("digitalocean_token", "a DigitalOcean token",
			[]string{"«dop_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef»"}, []string{"dop_v1_0123"}),
		fixed(lowerHex, 32, "dapi", "dose").kind("databricks_token", "a Databricks token",
			[]string{"«dapi0123456789abcdef0123456789abcdef»"}, []string{"dapi0123", "dapibus"}),
		checked(open(wordSet, 36, "gsk_", "xai-", "nvapi-", "pplx-", "r8_", "csk-", "fw_", "tgp_v1_", "sk_cr_", "jina_"), hasDigit).kind("model_provider_key", "a key of Groq, xAI, NVIDIA, Perplexity, Replicate, Cerebras, Fireworks, Together or Jina",
			[]string{"«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»"}, []string{"gsk_your_key_goes_in_here_without_any_doubt_ok", "xai-grok"}),
		fixed(lowerHex, 32, "shpat_", "shpss_", "shpca_", "shppa_").kind("shopify_token", "a Shopify token",
			[]string{"«shpat_0123456789abcdef0123456789abcdef»"}, []string{"shpat_"}),
		checked(open(set("a-zA-Z0-9_=-"), 60, "ATATT3", "ATCTT3", "ATBB"), hasDigit).kind("atlassian_token", "an Atlassian token",
			[]string{"«ATATT3xFfGF0aB3dE5gH7jK9mN1pQ2sTuV4xY6zA8cD0eF2gH4iJ6kL8mN0pQ2sTuV4=1A2B3C4D»"}, []string{"ATATT3"}),
		checked(open(wordSet, 24, "dckr_pat_", "lin_api_", "ntn_", "glsa_", "glc_", "hvs.", "hvb.", "figd_", "sbp_", "sntrys_", "sntryu_", "PMAK-", "NRAK-", "pscale_tkn_", "pscale_pw_", "rubygems_", "shippo_live_", "sq0atp-", "sq0csp-", "EAAAE", "dp.pt.", "tfp_", "phc_", "phx_", "lsv2_pt_", "lsv2_sk_", "blz_"), hasDigit).kind("service_token", "a token of Docker, Linear, Notion, Grafana, Vault, Figma, Supabase, Sentry, Postman, New Relic, PlanetScale, RubyGems, Square, Doppler, Typeform, PostHog, LangSmith, or Blaze",
			[]string{"«hvs.CAESIJ3dE5gH7jK9mN1pQ2sTuV4xY6zA8cD0»", "«blz_aB3dE5gH7jK9mN1pQ2sTuV4xY6zA8cD0eF2gH4iJ6kL»"}, []string{"hvs.foo", "phc_", "glsa_your_token_goes_in_this_place"}),
		{ID: "age_key", Class: Secret, Why: "an age identity (Bech32)", begins: []string{"AG"}, match: token{prefixes: []string{"AGE-SECRET-KEY-1"}, set: set("A-Z0-9"), least: 58, most: 58}.match,
			Hits: []string{"«AGE-SECRET-KEY-1QL3Z7HJY54PW3HYWW5AYYFG7ZQGVC7W3J2ELW8ZMRJ2KG5SFN9AQMCAC8P»"}, Misses: []string{"AGE-SECRET-KEY-1", "AGE-OF"}},
	}
}

// crcBase62 holds the last six letters of a token against the CRC-32 of those before, in base 62.
func crcBase62(body []byte) bool {
	n := len(body) - 6
	sum := uint64(0)
	for _, c := range body[n:] {
		v := uint64(0)
		switch {
		case c >= 'a':
			v = uint64(c-'a') + 36
		case c >= 'A':
			v = uint64(c-'A') + 10
		default:
			v = uint64(c - '0')
		}
		sum = sum*62 + v
	}
	return sum == uint64(crc32.ChecksumIEEE(body[:n]))
}

func hasDigit(body []byte) bool {
	for _, c := range body {
		if digit[c] {
			return true
		}
	}
	return false
}

// mixed wants what a random key has: digits and letters, and no byte over and over.
func mixed(body []byte) bool { return hasDigit(body) && various(body) && hasLetter(body) }

// mixedOrLetters is mixed for keys that may have no digit.
func mixedOrLetters(body []byte) bool { return various(body) && hasLetter(body) }

func hasLetter(body []byte) bool {
	for _, c := range body {
		if letters[c] {
			return true
		}
	}
	return false
}

// various reports whether at least eight different bytes are in body.
func various(body []byte) bool {
	var seen [256]bool
	n := 0
	for _, c := range body {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n >= 8
}

func sendgrid(t *text, i int) (int, answer) {
	if a := t.prefix(i, "SG."); a != yes {
		return 0, a
	}
	j, open := t.run(i+3, wordSet, 23)
	switch {
	case open:
		return 0, more
	case j-i-3 != 22 || j == len(t.b) || t.b[j] != '.':
		return 0, no
	}
	end, open := t.run(j+1, wordSet, 44)
	switch {
	case open:
		return 0, more
	case end-j-1 != 43:
		return 0, no
	}
	return end, yes
}

func telegram(t *text, i int) (int, answer) {
	j, open := t.run(i, digit, 11)
	switch {
	case open:
		return 0, more
	case j-i < 8 || j-i > 10:
		return 0, no
	}
	if a := t.prefix(j, ":AA"); a != yes {
		return 0, a
	}
	end, open := t.run(j+3, wordSet, 34)
	switch {
	case open:
		return 0, more
	case end-j-3 != 33:
		return 0, no
	}
	return end, yes
}
