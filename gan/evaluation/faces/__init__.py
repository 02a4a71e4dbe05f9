"""The evaluation of faces: are hair and eyes as asked, and where do they fall short."""
