package compile

import (
	"github.com/weir-data/weir/internal/rel"
)

// plainLetters are the letters that a text in lower case is typed with where a keyboard has no
// others: no marks, ss for ß, o for ø. Most texts have only ASCII and are left alone.
func plainLetters(text rel.Expr) rel.Expr {
	e := rel.F(rel.Translate, rel.F(rel.Unaccent, text), rel.T("øłđðıħŧŋſς"), rel.T("olddihtnsσ"))
	for _, two := range [][2]string{{"ß", "ss"}, {"æ", "ae"}, {"œ", "oe"}, {"þ", "th"}} {
		e = rel.F(rel.Replace, e, rel.T(two[0]), rel.T(two[1]))
	}
	return rel.Case{Whens: []rel.When{{If: rel.F(rel.Eq, rel.F(rel.Bytes, text), rel.F(rel.Length, text)), Then: text}}, Else: e}
}

const (
	// apostrophes stand inside words: O'Neil, d’Arc, Hawaiʻi.
	apostrophes = "['`´‘’‛′ʹʻʼʽˈ]"
	// betweenWords is whatever else is no letter and no digit: ASCII, Latin-1, general punctuation,
	// and the marks between words of Chinese and Japanese.
	betweenWords = "[[:space:]!-/:-@\\[-`{-~\u0080-©«-±´¶-¸»¿×÷\u2000-\u206f\u3000-\u3003・，．]+"
)

// words are the words of a text in lower case, each between blanks of the given kind.
func words(text rel.Expr, blank string) rel.Expr {
	return rel.F(rel.RegexReplace, rel.F(rel.RegexDrop, text, rel.T(apostrophes)), rel.T(betweenWords), rel.T(blank))
}

// titles matches what is written before and after names and is no part of them. A name of
// nothing else keeps one word.
const titles = `^((mr|mrs|ms|miss|mx|dr|doctor|prof|professor|sir|madam|rev|reverend|` +
	`mme|mlle|madame|mademoiselle|monsieur|herr|frau|dipl|ing|sra|srta|sr|senor|senora|senorita|` +
	`sig|signor|signora|dott|dhr|mevr) )+|` +
	`( (jr|junior|sr|senior|ii|iii|iv|esq|esquire|phd|ph d|md|dds|dvm|mba|cpa|msc|bsc))+$`

// nameWords are the words of a name without titles.
func nameWords(text rel.Expr) rel.Expr { return rel.F(rel.RegexDrop, text, rel.T(titles)) }
