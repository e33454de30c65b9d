"""Operations on a deployment, for people. They return values and print nothing."""
