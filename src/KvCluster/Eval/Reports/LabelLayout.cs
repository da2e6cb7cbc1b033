namespace KvCluster.CommandLine.Eval.Reports;

/// <summary>Puts labels beside their points so that they cover neither each other nor a point.</summary>
internal sealed class LabelLayout(double left, double top, double right, double bottom)
{
    private const double LetterWidth = 6.4;
    private const double LineHeight = 12;
    private const double Gap = 8;
    private readonly List<(double X, double Y, double Width, double Height)> _taken = [];

    /// <summary>Keeps labels away from a point.</summary>
    public void Occupy(double x, double y) => _taken.Add((x - 5, y - 5, 10, 10));

    /// <summary>The end of the label's text that is towards the point, and its base line. As near to the point as there is room.</summary>
    public (double X, double Y, bool IsRight) Place(string label, double x, double y)
    {
        double width = label.Length * LetterWidth;
        for (int distance = 0; distance < 60; distance++)
        {
            foreach (double offset in (double[])[distance, -distance])
            {
                double baseLine = y + 4 + (offset * LineHeight / 2);
                if (TryTake(x + Gap, baseLine, width))
                {
                    return (x + Gap, baseLine, true);
                }

                if (TryTake(x - Gap - width, baseLine, width))
                {
                    return (x - Gap, baseLine, false);
                }
            }
        }

        return (x + Gap, y + 4, true);
    }

    private bool TryTake(double x, double baseLine, double width)
    {
        (double X, double Y, double Width, double Height) box = (x, baseLine - LineHeight + 2, width, LineHeight);
        if (box.X < left || box.X + box.Width > right || box.Y < top || box.Y + box.Height > bottom)
        {
            return false;
        }

        if (_taken.Exists(other => box.X < other.X + other.Width && other.X < box.X + box.Width && box.Y < other.Y + other.Height && other.Y < box.Y + box.Height))
        {
            return false;
        }

        _taken.Add(box);
        return true;
    }
}
