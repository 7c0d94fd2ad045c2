package scan

import (
	"errors"
	"fmt"

	"blaze/filters"
	"blaze/filters/scan/behavior"
	"blaze/filters/scan/detect"
	"blaze/telemetry/setting"
)

// Config is the policy's filters.scan section; its defaults hold when the section is absent.
type Config struct {
	SQLi      Rule            `yaml:"sqli" doc:"SQL injection in path, query, headers and the structure of the body"`
	XSS       Rule            `yaml:"xss" doc:"HTML and script injection there"`
	Traversal Rule            `yaml:"traversal" doc:"path traversal and file inclusion there"`
	Command   Rule            `yaml:"command" doc:"shell commands and code there"`
	Injection Rule            `yaml:"injection" doc:"LDAP, XPath, NoSQL, template, log4j, XML and server-side include expressions there"`
	Control   Rule            `yaml:"control" doc:"CR, LF and NUL there, where no line can end"`
	Names     Rule            `yaml:"names" doc:"model and tool names that are no names: the grammar is an allow list"`
	SSRF      SSRF            `yaml:"ssrf" doc:"URLs in the body that the model server would fetch: pictures, audio, files, tool servers"`
	Upload    Upload          `yaml:"upload" doc:"files in multipart forms: name, type by content, size and count"`
	Secrets   Secrets         `yaml:"secrets" doc:"keys, tokens and personal data, in prompts and in answers, streams too"`
	Prompt    PromptInjection `yaml:"prompt_injection" doc:"prompts that set themselves against the instructions the model was given"`
	Invisible Invisible       `yaml:"invisible" doc:"invisible and bidirectional control characters in prompts"`
	JSON      JSON            `yaml:"json" doc:"bounds on JSON bodies; beyond one, 400 invalid_json"`
	Except    []Exception     `yaml:"except" doc:"exceptions: a rule that is not asked on one route or in one field"`

	Behavior behavior.Config `yaml:"behavior" doc:"clients whose refusals add up are banned for a while"`
}

// Rule is what every rule of the scan has.
type Rule struct {
	filters.Rollout `yaml:",inline"`
	Action          Action `yaml:"action" doc:"block refuses the request; sanitize forwards it without the offending part, which xss alone can do, in values of a JSON body; elsewhere it refuses" default:"block"`
}

// SSRF is the rule for URLs.
type SSRF struct {
	Rule       `yaml:",inline"`
	AllowHosts []string `yaml:"allow_hosts" doc:"host names with *; when given, they alone may be fetched, and they are trusted whatever they look like" example:"[\"*.example-cdn.com\"]"`
}

// Upload is the rule for files.
type Upload struct {
	Rule     `yaml:",inline"`
	MaxFile  setting.Bytes `yaml:"max_file" doc:"largest file; 413 beyond it" default:"25MiB"`
	MaxFiles int           `yaml:"max_files" doc:"most files in one form" default:"8"`
	Types    []string      `yaml:"types" doc:"media types with * that a file may be, by its content" default:"[\"image/*\", \"audio/*\", \"video/*\", \"text/*\", application/pdf, application/json, application/x-ndjson]" example:"[\"image/*\", \"audio/*\", application/pdf]"`
}

// JSON bounds JSON bodies.
type JSON struct {
	MaxDepth  int           `yaml:"max_depth" doc:"how deep arrays and objects may nest" default:"64"`
	MaxKeys   int           `yaml:"max_keys" doc:"how many keys a body may have, all objects together" default:"10000"`
	MaxString setting.Bytes `yaml:"max_string" doc:"longest string, as sent" default:"8MiB"`
	MaxNumber int           `yaml:"max_number" doc:"longest number, in bytes as sent" default:"128"`
}

// Action says what an enforced rule does. The zero Action is Block.
type Action uint8

// The actions.
const (
	Block Action = iota
	Sanitize
)

// UnmarshalText reads block or sanitize.
func (a *Action) UnmarshalText(text []byte) error {
	switch string(text) {
	case "block":
		*a = Block
	case "sanitize":
		*a = Sanitize
	default:
		return errors.New("not an action")
	}
	return nil
}

// Want says what UnmarshalText reads.
func (*Action) Want() string { return "block or sanitize" }

func (a Action) String() string {
	if a == Sanitize {
		return "sanitize"
	}
	return "block"
}

// structural lists the rules by class.
func (c *Config) structural() [detect.Classes]Rule {
	return [...]Rule{
		detect.SQLi: c.SQLi, detect.XSS: c.XSS, detect.Traversal: c.Traversal, detect.Command: c.Command,
		detect.Injection: c.Injection, detect.Control: c.Control,
	}
}

// check lists everything wrong with c, beyond what the decoder saw.
func (c *Config) check() error {
	problems := append(c.Secrets.check(), c.Invisible.check()...)
	for class, r := range c.structural() {
		if r.Action == Sanitize && detect.Class(class) != detect.XSS {
			problems = append(problems, setting.Wrong(detect.Class(class).String()+".action", "block: there is no safe way to take this out", r.Action.String()))
		}
	}
	for path, r := range map[string]Rule{"names": c.Names, "ssrf": c.SSRF.Rule, "upload": c.Upload.Rule} {
		if r.Action == Sanitize {
			problems = append(problems, setting.Wrong(path+".action", "block: there is no safe way to make this another", "sanitize"))
		}
	}
	for _, n := range []struct {
		path     string
		got, max int64
	}{
		{"json.max_depth", int64(c.JSON.MaxDepth), 1000}, {"json.max_keys", int64(c.JSON.MaxKeys), 1 << 20},
		{"json.max_string", int64(c.JSON.MaxString), 1 << 30}, {"json.max_number", int64(c.JSON.MaxNumber), 4096},
		{"upload.max_file", int64(c.Upload.MaxFile), 1 << 40}, {"upload.max_files", int64(c.Upload.MaxFiles), 256},
	} {
		if n.got < 0 || n.got > n.max {
			problems = append(problems, setting.Wrong(n.path, fmt.Sprintf("a number from 1 to %d", n.max), n.got))
		}
	}
	problems = append(problems, setting.Under(rulePrompt, c.Prompt.check()))
	return errors.Join(problems...)
}
