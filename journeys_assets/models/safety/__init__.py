"""What the safety rules need beside the domain: lexicon files, a fitted model, a moderation endpoint."""
