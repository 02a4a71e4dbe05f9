"""Drawing many images: lines read as they come, several processes, outputs that are gone on with where they stopped."""
