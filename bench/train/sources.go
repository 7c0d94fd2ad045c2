package main

// license says whether a model may be trained on the texts of a source: those whose own license is permissive, and none
// whose data is for non-commercial use, share-alike, or asks for attribution (CC-BY). A source that is not here is not
// trained on. Every source is used to measure.
func license(source string) (name string, mayTrain bool) {
	name, mayTrain = map[string]string{
		"alertmanager": "Apache-2.0", "anthropic-cookbook": "MIT", "apisix": "Apache-2.0", "arena-hard": "Apache-2.0",
		"awesome-prompts": "CC0-1.0", "belle": "Apache-2.0", "bfcl": "Apache-2.0", "bipia": "MIT", "caddy": "Apache-2.0",
		"chinook": "MIT", "elastic": "Apache-2.0", "fastchat": "Apache-2.0", "garak": "Apache-2.0", "giskard": "Apache-2.0",
		"gptfuzz": "MIT", "humaneval": "MIT", "llmguard": "MIT", "nl2bash": "MIT", "notinject": "MIT", "portkey": "MIT",
		"purplellama": "MIT", "rakuda": "Apache-2.0", "rebuff": "Apache-2.0", "self-instruct": "Apache-2.0",
		"skipper": "Apache-2.0 / MIT", "sql-eval": "Apache-2.0", "victoriametrics": "Apache-2.0", "wildbench": "Apache-2.0",
	}[source], false
	return name, name != ""
}
