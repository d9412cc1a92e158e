"""Who may ask, for what, how often and how slowly: keys, tokens, hosts, limits, connections and the audit.

`keys` and `tokens` say who a caller is, `authorise` whether they may do it; `hosts` refuses what pages of other sites
have browsers send, `limits` counts, `connections` closes what is slow, `audit` writes down.
"""
