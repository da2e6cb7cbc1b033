namespace KvCluster.Inference.Sampling;

/// <summary>A token that may be drawn. Sorts by falling weight, then rising id.</summary>
internal readonly record struct Candidate(double Weight, int Id) : IComparable<Candidate>
{
    public int CompareTo(Candidate other)
    {
        var order = other.Weight.CompareTo(Weight);
        return order != 0 ? order : Id.CompareTo(other.Id);
    }
}
