def faces_of(data):
    return data


def share_of_faces(data, n):
    return 1.0
