// Package models is the declared half of a project: which tables there are (sources), who a
// person is (entities with identity and traits), who belongs together (segments), and what is
// allowed (policies).
//
// The YAML keys are the struct tags of these types. Decoding, JSON Schema and reference docs
// all come from them:
//
//	yaml:"name"         the key
//	yaml:",key"         the key under which this value stands in the mapping above; a mapping
//	                    of named values is a slice, so that the order written is kept
//	yaml:",inline"      the fields of this struct stand at this level
//	yaml:"x,scalar"     a bare scalar in place of the mapping sets this field
//	yaml:"x,list"       a bare list in place of the mapping sets this field
//	yaml:",inline,nolist" as inline, but without its bare list
//	yaml:"x,null"       null is a value here, and leaves the pointer nil
//	yaml:"x,one"        a single value in place of the list is a list of one
//	yaml:",rest"        all keys that no other field takes (map[string]any)
//	yaml:"x,required"   must be there
//	doc:"…"             one sentence for schema and docs
//	enum:"a,b"          the values allowed
//	like:"a,b"          keys that people may write in its place, to suggest it
//
// The package imports nothing of weir's but models/diag. It checks values by their path; who
// read the file knows the place.
package models
