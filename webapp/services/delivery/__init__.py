"""Who is told of events, and how it is seen to that everybody is, at least once and in order."""
