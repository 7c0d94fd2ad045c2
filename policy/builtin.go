package policy

import (
	"embed"

	"blaze/filters/auth"
)

//go:embed default.yaml demo.yaml
var embedded embed.FS

// Demo is the policy of blaze demo before the model server at url, with the keys that it knows, made for this run.
func Demo(url string, env func(string) (string, bool)) (o Options, user, operator string) {
	data, err := embedded.ReadFile("demo.yaml")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	user, userHash := auth.NewKey()
	operator, operatorHash := auth.NewKey()
	return Options{Source: data, Env: with(env, map[string]string{
		"BLAZE_DEMO_UPSTREAM":        url,
		"BLAZE_DEMO_USER_SHA256":     userHash.Hex(),
		"BLAZE_DEMO_OPERATOR_SHA256": operatorHash.Hex(),
	})}, user, operator
}

// DefaultEnv adds the hash of the default policy's one key to the environment: BLAZE_API_KEY's, or that of a key made for
// this run. made is the latter; it is shown once and kept nowhere.
func DefaultEnv(env func(string) (string, bool)) (more func(string) (string, bool), made string) {
	key, _ := env("BLAZE_API_KEY")
	if key == "" {
		made, _ = auth.NewKey()
		key = made
	}
	return with(env, map[string]string{"BLAZE_API_KEY_SHA256": auth.HashKey(key).Hex()}), made
}

func with(env func(string) (string, bool), more map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := more[name]; ok {
			return v, true
		}
		return env(name)
	}
}
