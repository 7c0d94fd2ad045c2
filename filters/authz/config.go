package authz

import (
	"time"

	"blaze/filters"
)

// Config is the policy's filters.authz section.
type Config struct {
	Roles     map[string]Role `yaml:"roles" doc:"what each role may do; what no role of the caller's allows is refused" example:"{user: {routes: [inference], models: [\"llama-*\"]}}"`
	Anonymous []string        `yaml:"anonymous" doc:"roles of a caller without credentials, where auth does not require any" example:"[guest]"`
}

// Role is one entry of roles.
type Role struct {
	Routes  []string `yaml:"routes" doc:"classes of routes (inference, utility, health, metrics, admin), names of routes (chat.completions, models.*), or paths with or without a method (GET /v1/models/*); * is every known route" example:"[inference]"`
	Methods []string `yaml:"methods" doc:"methods the role may use on its routes; all when absent" example:"[GET, POST]"`
	Models  []string `yaml:"models" doc:"models the role may name, * for any run of characters; all when absent" example:"[\"llama-*\"]"`
	MFA     *MFA     `yaml:"mfa" doc:"the role counts only for callers who have proved themselves recently or strongly enough"`
}

// MFA is what a role demands of the caller's authentication (RFC 9470). A one-time code given with an API key meets ACR
// and AMR; Within then counts from the code.
type MFA struct {
	filters.Rollout `yaml:",inline"`
	Within          time.Duration `yaml:"within" doc:"how long ago the caller may have proved who they are (auth_time, or a one-time code)" example:"15m"`
	ACR             []string      `yaml:"acr" doc:"accepted authentication context classes; one is enough" example:"[\"urn:example:gold\"]"`
	AMR             []string      `yaml:"amr" doc:"accepted authentication methods (RFC 8176); one is enough" example:"[otp, hwk]"`
}
