namespace KvCluster.Gateway.Admission;

/// <summary>Kinds of failed requests; each is one gRPC status and one HTTP status.</summary>
[GenerateSerializer]
public enum RequestErrorKind
{
    InvalidArgument = 1,
    ContextTooLong = 2,
    ModelNotFound = 3,
    Overloaded = 4,
    Unavailable = 5,
    Internal = 6,
}
